"""The virtual network: who may come in, and how nodes leave."""

from ipaddress import ip_network
from typing import Any

import pytest

from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

LOAD_BALANCER_PROBES = "AzureLoadBalancer"


def guard_of(subnet: Resource, stack: SynthesizedStack) -> Resource:
    """The security group of a subnet."""
    (association,) = stack.referring_to(subnet, "azurerm_subnet_network_security_group_association")
    (guard,) = [r for r in stack.all("azurerm_network_security_group") if r.address in stack.references(association)]
    return guard


def sources(rule: dict[str, Any]) -> list[str]:
    return [prefix for prefix in (rule["source_address_prefix"], *(rule["source_address_prefixes"] or ())) if prefix]


def admitted(guard: Resource) -> set[str]:
    return {source for rule in guard["security_rule"] if rule["access"] == "Allow" for source in sources(rule)}


@pytest.mark.parametrize("name", ["dev-azure", "prod-azure"])
def test_every_subnet_is_closed_but_for_its_own_list(stack: StackOf, name: str) -> None:
    azure = stack(name)
    subnets = azure.all("azurerm_subnet")
    assert {subnet["name"] for subnet in subnets} == {"nodes", "data"}
    for subnet in subnets:
        rules = guard_of(subnet, azure)["security_rule"]
        last = max(rules, key=lambda rule: rule["priority"])
        assert (last["access"], last["direction"], sources(last)) == ("Deny", "Inbound", ["*"]), subnet.address


def test_nothing_is_admitted_from_the_internet(stack: StackOf) -> None:
    prod = stack("prod-azure")
    for guard in prod.each("azurerm_network_security_group"):
        for source in admitted(guard) - {LOAD_BALANCER_PROBES}:
            assert ip_network(source).is_private, f"{guard.address} admits {source}"


def test_nodes_admit_pods_of_other_nodes_and_probes(stack: StackOf) -> None:
    prod = stack("prod-azure")
    pods = prod.one("azurerm_kubernetes_cluster")["network_profile"]["pod_cidr"]
    nodes = prod.one("azurerm_subnet", "network_nodes")
    assert admitted(guard_of(nodes, prod)) == {*nodes["address_prefixes"], pods, LOAD_BALANCER_PROBES}


def test_data_admits_nodes_alone(stack: StackOf) -> None:
    prod = stack("prod-azure")
    data, nodes = (prod.one("azurerm_subnet", f"network_{name}") for name in ("data", "nodes"))
    assert admitted(guard_of(data, prod)) == set(nodes["address_prefixes"])
    assert data["private_endpoint_network_policies"] == "Enabled"


def test_nodes_leave_by_the_nat_gateway_only_and_data_does_not_leave(stack: StackOf) -> None:
    prod = stack("prod-azure")
    way_out = prod.one("azurerm_subnet_nat_gateway_association")
    nodes, data = (prod.one("azurerm_subnet", f"network_{name}") for name in ("nodes", "data"))
    assert prod.one("azurerm_nat_gateway").address in prod.references(way_out)
    assert nodes.address in prod.references(way_out)
    assert data.address not in prod.references(way_out)
    assert not any(subnet["default_outbound_access_enabled"] for subnet in (nodes, data))
    assert prod.one("azurerm_kubernetes_cluster")["network_profile"]["outbound_type"] == "userAssignedNATGateway"


def test_the_cluster_comes_after_its_way_out_and_its_guard(stack: StackOf) -> None:
    prod = stack("prod-azure")
    before = prod.comes_after(prod.one("azurerm_kubernetes_cluster"))
    assert {
        "azurerm_nat_gateway_public_ip_association.network_nat-has-address",
        "azurerm_subnet_nat_gateway_association.network_nodes-out",
        "azurerm_subnet_network_security_group_association.network_nodes_guarded",
    } <= before

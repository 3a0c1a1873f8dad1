"""How requests reach the gateway on Azure."""

from ipaddress import ip_address

import pytest

from portal.spec.loader import Environments
from portal.subnets import regional_subnets
from tests.conftest import StackOf

each_tier = pytest.mark.parametrize("tier", ["dev", "staging", "prod"])


@each_tier
def test_the_gateway_has_a_fixed_internal_address_of_the_nodes_subnet(
    stack: StackOf, environments: Environments, tier: str
) -> None:
    service = stack(f"{tier}-azure").values("gateway")["service"]
    ranges = regional_subnets(environments.tiers[tier].clouds.azure.network.cidr)
    annotations = service["annotations"]
    assert service["type"] == "LoadBalancer"
    assert ip_address(service["loadBalancerIP"]) in ranges.nodes
    assert annotations["service.beta.kubernetes.io/azure-load-balancer-ipv4"] == service["loadBalancerIP"]
    assert annotations["service.beta.kubernetes.io/azure-load-balancer-internal"] == "true"


@each_tier
def test_it_is_asked_for_its_health_and_sees_who_calls(stack: StackOf, tier: str) -> None:
    service = stack(f"{tier}-azure").values("gateway")["service"]
    probe = "service.beta.kubernetes.io/port_8443_health-probe"
    ports = {str(port["port"]) for port in service["ports"]}
    assert service["annotations"][f"{probe}_port"] in ports
    assert service["annotations"][f"{probe}_request-path"] == "/healthz/ready"
    # A node that stood for the caller could not be told from others: Cilium knows nodes by identity, not by address.
    assert service["externalTrafficPolicy"] == "Local"


@each_tier
def test_only_what_requests_come_in_by_reaches_it(stack: StackOf, environments: Environments, tier: str) -> None:
    ranges = regional_subnets(environments.tiers[tier].clouds.azure.network.cidr)
    assert not ranges.edge.overlaps(ranges.nodes)
    assert not ranges.edge.overlaps(ranges.data)
    policy = stack(f"{tier}-azure").one(
        "kubernetes_network_policy_v1", "platform_namespaces_istio-ingress-allow-load-balancer"
    )
    (rule,) = policy["spec"]["ingress"]
    assert [peer["ip_block"]["cidr"] for peer in rule["from"]] == [str(ranges.edge)]

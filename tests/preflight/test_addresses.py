"""Addresses of each subnet at maximum scale; one that is too small stops the deploy."""

from typing import Any

import pytest

from portal.preflight.addresses import SubnetUse, subnet_uses
from portal.preflight.blockers import address_blockers
from portal.preflight.stack import AwsStack
from tests.conftest import StackOf
from tests.preflight.conftest import changed, resource

Resources = dict[str, Any]


def use(stack: AwsStack, name: str) -> SubnetUse:
    return {each.name: each for each in subnet_uses(stack)}[name]


@pytest.mark.parametrize("name", ["dev-aws", "staging-aws", "prod-aws"])
def test_the_committed_ranges_are_large_enough(stack: StackOf, name: str) -> None:
    uses = subnet_uses(AwsStack(name, stack(name).document))
    assert len(uses) == 12
    assert list(address_blockers(uses)) == []


def test_aws_keeps_five_of_every_subnet(prod: AwsStack) -> None:
    assert use(prod, "network_data-a").available == 1024 - 5


def test_pods_take_theirs_from_the_subnet_of_their_zone(prod: AwsStack) -> None:
    """Four system nodes, ten and six others, of which each may have 110 pods."""
    for zone in ("a", "b", "c"):
        assert use(prod, f"network_pods-{zone}").taken == {"pods": (4 + 10 + 6) * (8 * 16 + 1)}
        assert "pods" not in use(prod, f"network_nodes-{zone}").taken


def test_without_subnets_of_their_own_pods_share_those_of_the_nodes(prod: AwsStack) -> None:
    def plain(resources: Resources) -> None:
        del resources["aws_eks_addon"]["cluster_vpc-cni"]["configuration_values"]

    stack = changed(prod, plain)
    assert use(stack, "network_pods-a").taken == {}
    assert use(stack, "network_nodes-a").taken["pods"] == 4 * 29 + (10 + 6) * 59


def test_the_subnets_of_the_nodes_hold_what_else_comes_in_there(prod: AwsStack) -> None:
    taken = use(prod, "network_nodes-a").taken
    assert (taken["nodes"], taken["control plane"], taken["load balancer"]) == (4 + 10 + 6, 6, 8)
    # Three functions with one security group share an interface.
    assert (taken["functions"], taken["CloudFront"]) == (1, 1)


def test_functions_of_different_groups_share_no_interface(prod: AwsStack) -> None:
    def apart(resources: Resources) -> None:
        one = resources["aws_lambda_function"]["backups_verifier"]
        one["vpc_config"] = one["vpc_config"] | {"security_group_ids": ["${aws_security_group.cluster_members.id}"]}

    assert use(changed(prod, apart), "network_nodes-a").taken["functions"] == 2


def test_a_database_may_come_to_lie_in_any_of_its_subnets(prod: AwsStack) -> None:
    for zone in ("a", "b", "c"):
        assert use(prod, f"network_data-{zone}").taken == {"databases": 2, "caches": 3, "files": 1}


def test_each_nat_gateway_has_an_address_in_its_own_subnet(prod: AwsStack) -> None:
    assert [use(prod, f"network_public-{zone}").taken for zone in ("a", "b", "c")] == [{"NAT": 1}] * 3


def test_endpoints_and_machines_take_one_each(prod: AwsStack) -> None:
    def more(resources: Resources) -> None:
        resources["aws_vpc_endpoint"] = {
            "tokens": resource("tokens", vpc_endpoint_type="Interface", subnet_ids=["${aws_subnet.network_data-a.id}"]),
            "storage": resource("storage", route_table_ids=["${aws_route_table.network_data.id}"]),
        }
        resources["aws_instance"] = {
            "host": resource("host", instance_type="t4g.small", subnet_id="${aws_subnet.network_data-a.id}")
        }

    taken = use(changed(prod, more), "network_data-a").taken
    assert (taken["endpoints"], taken["machines"]) == (1, 1)


def test_a_pod_subnet_that_is_too_small_is_a_blocker(prod: AwsStack) -> None:
    """2,580 at maximum scale do not fit into 1,019."""

    def small(resources: Resources) -> None:
        resources["aws_subnet"]["network_pods-b"]["cidr_block"] = "100.64.160.0/22"

    (blocker,) = address_blockers(subnet_uses(changed(prod, small)))
    assert blocker == (
        "clouds.aws.network.pod_cidr gives subnet network_pods-b (100.64.160.0/22) 1019 addresses, "
        "and at maximum scale it takes 2580 (pods 2580): widen the range or lower nodes.*.max"
    )


def test_a_node_subnet_that_is_too_small_names_the_other_range(prod: AwsStack) -> None:
    def small(resources: Resources) -> None:
        resources["aws_subnet"]["network_nodes-a"]["cidr_block"] = "10.30.0.0/27"

    (blocker,) = address_blockers(subnet_uses(changed(prod, small)))
    assert blocker.startswith("clouds.aws.network.cidr gives subnet network_nodes-a (10.30.0.0/27) 27 addresses")

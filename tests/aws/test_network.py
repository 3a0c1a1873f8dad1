"""The VPC: zones, ways out, and who may use them."""

from ipaddress import ip_network
from itertools import combinations

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_each_zone_leaves_through_its_own_nat(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    nats = synthesized.all("aws_nat_gateway")
    assert len(nats) == 3
    for nat in nats:
        (route,) = synthesized.referring_to(nat, "aws_route")
        assert nat.address[-1] == route.address[-1], "a zone does not leave through another"


def test_dev_shares_one_nat(stack: StackOf) -> None:
    dev = stack("dev-aws")
    nat = dev.one("aws_nat_gateway")
    assert len(dev.referring_to(nat, "aws_route")) == 3


@pytest.mark.parametrize("name", TIERS)
def test_only_public_subnets_route_to_the_internet_gateway(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    gateway = synthesized.one("aws_internet_gateway")
    (route,) = synthesized.referring_to(gateway, "aws_route")
    (table,) = [r for r in synthesized.all("aws_route_table") if r.address in synthesized.references(route)]
    associations = synthesized.referring_to(table, "aws_route_table_association")
    assert len(associations) == 3
    for association in associations:
        assert association.address.startswith("aws_route_table_association.network_public-")
    assert all(subnet["map_public_ip_on_launch"] is False for subnet in synthesized.each("aws_subnet"))


@pytest.mark.parametrize("name", TIERS)
def test_data_subnets_have_no_way_out(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    table = synthesized.one("aws_route_table", "network_data")
    assert synthesized.referring_to(table, "aws_route") == []
    assert len(synthesized.referring_to(table, "aws_route_table_association")) == 3


@pytest.mark.parametrize("name", TIERS)
def test_subnets_do_not_overlap_and_lie_one_of_a_kind_in_each_zone(stack: StackOf, name: str) -> None:
    subnets = stack(name).all("aws_subnet")
    assert len(subnets) == 12
    ranges = [ip_network(subnet["cidr_block"]) for subnet in subnets]
    assert not any(a.overlaps(b) for a, b in combinations(ranges, 2))
    zones = [subnet["availability_zone"] for subnet in subnets]
    assert {zones.count(zone) for zone in zones} == {4}


def test_the_vpc_answers_names(stack: StackOf) -> None:
    vpc = stack("prod-aws").one("aws_vpc")
    assert vpc["enable_dns_support"] is True
    assert vpc["enable_dns_hostnames"] is True, "or nodes do not find the API server's private endpoint"


def test_a_nat_comes_after_the_way_out_of_its_subnet(stack: StackOf) -> None:
    prod = stack("prod-aws")
    for nat in prod.each("aws_nat_gateway"):
        assert {"aws_internet_gateway.network_internet", "aws_route.network_public-out"} <= prod.comes_after(nat)


def test_pods_take_addresses_from_the_secondary_range_once_it_is_there(stack: StackOf) -> None:
    prod = stack("prod-aws")
    secondary = prod.one("aws_vpc_ipv4_cidr_block_association")
    users = {subnet.address for subnet in prod.referring_to(secondary, "aws_subnet")}
    assert users == {f"aws_subnet.network_pods-{letter}" for letter in "abc"}
    pods = ip_network(secondary["cidr_block"])
    assert all(ip_network(prod.resources[user]["cidr_block"]).subnet_of(pods) for user in users)  # type: ignore[arg-type]


def test_the_default_group_lets_nothing_in_or_out(stack: StackOf) -> None:
    group = stack("prod-aws").one("aws_default_security_group")
    assert not group.get("ingress")
    assert not group.get("egress")


@pytest.mark.parametrize("name", TIERS)
def test_flow_logs_are_encrypted_and_their_writer_may_write_only_there(
    stack: StackOf, name: str, environments: Environments
) -> None:
    synthesized = stack(name)
    assert synthesized.one("aws_flow_log")["traffic_type"] == "ALL"
    group = synthesized.one("aws_cloudwatch_log_group", "network_flow-logs_group")
    days = environments.tiers[name.partition("-")[0]].clouds.aws.cluster.log_retention_days
    assert group["retention_in_days"] == days
    assert "aws_kms_key.keys_logs" in synthesized.references(group)
    rights = synthesized.one("aws_iam_role_policy", "network_flow-logs_writer_rights")
    assert group.address in synthesized.references(rights)
    assert "logs:*" not in rights["policy"]


@pytest.mark.parametrize("name", TIERS)
def test_the_network_under_everything_is_protected_as_the_data_say(
    stack: StackOf, name: str, environments: Environments
) -> None:
    """Another range or zone would replace subnets, and with them the nodes."""
    synthesized = stack(name)
    protected = environments.tiers[name.removesuffix("-aws")].protected
    for resource in (*synthesized.each("aws_subnet"), synthesized.one("aws_vpc")):
        assert resource["lifecycle"]["prevent_destroy"] is protected, resource.address

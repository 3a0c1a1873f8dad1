"""Endpoints: which services need no way out, and whom those in production let through."""

import pytest

from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

TIERS = ("dev-aws", "staging-aws", "prod-aws")
ASKED_FOR = {
    "ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager", "eks-auth", "kms", "elasticloadbalancing", "ssm",
}  # fmt: skip


def interfaces(stack: SynthesizedStack) -> dict[str, Resource]:
    return {
        endpoint["service_name"].split(".", 3)[3]: endpoint
        for endpoint in stack.all("aws_vpc_endpoint")
        if endpoint["vpc_endpoint_type"] == "Interface"
    }


@pytest.mark.parametrize("name", TIERS)
def test_s3_is_reached_from_every_private_subnet_without_nat(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    (gateway,) = [e for e in synthesized.all("aws_vpc_endpoint") if e["vpc_endpoint_type"] == "Gateway"]
    tables = {table.address for table in synthesized.all("aws_route_table") if "private" in table.address}
    assert synthesized.references(gateway) >= tables
    assert len(tables) == 3


def test_services_have_addresses_in_every_zone_where_there_are_several_nat_gateways(stack: StackOf) -> None:
    assert interfaces(stack("dev-aws")) == {}
    for name in ("staging-aws", "prod-aws"):
        synthesized = stack(name)
        found = interfaces(synthesized)
        assert set(found) >= ASKED_FOR
        for endpoint in found.values():
            assert endpoint["private_dns_enabled"] is True, "clients know no other name"
            subnets = {address for address in synthesized.references(endpoint) if address.startswith("aws_subnet.")}
            assert len(subnets) == 3
            assert all("nodes" in subnet for subnet in subnets)


def test_one_group_lets_in_whoever_is_in_the_vpc_and_nobody_else(stack: StackOf) -> None:
    prod = stack("prod-aws")
    group = prod.one("aws_security_group", "endpoints_group")
    endpoints = interfaces(prod)
    assert endpoints
    for endpoint in endpoints.values():
        assert group.address in prod.references(endpoint)
    rules = prod.referring_to(group, "aws_vpc_security_group_ingress_rule")
    vpc, pods = prod.one("aws_vpc")["cidr_block"], prod.one("aws_vpc_ipv4_cidr_block_association")["cidr_block"]
    assert {(rule["cidr_ipv4"], rule["from_port"], rule["to_port"]) for rule in rules} == {
        (vpc, 443, 443),
        (pods, 443, 443),
    }


def test_in_production_only_identities_of_the_account_get_through(stack: StackOf) -> None:
    assert not any(endpoint.get("policy") for endpoint in stack("staging-aws").each("aws_vpc_endpoint"))
    endpoints = interfaces(stack("prod-aws"))
    assert endpoints
    for endpoint in endpoints.values():
        (statement,) = statements(endpoint["policy"])
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "333333333333"}}


def test_layers_of_images_and_packages_get_through_to_whoever_has_a_link(stack: StackOf) -> None:
    (gateway,) = [e for e in stack("prod-aws").all("aws_vpc_endpoint") if e["vpc_endpoint_type"] == "Gateway"]
    own, public = statements(gateway["policy"])
    assert own["Condition"]["StringEquals"] == {"aws:PrincipalAccount": "333333333333"}
    assert public["Action"] == "s3:GetObject"
    assert "Condition" not in public
    assert {
        "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*",
        "arn:aws:s3:::al2023-repos-eu-west-1-de612dc2/*",
    } <= set(public["Resource"])
    assert not any(resource in ("*", "arn:aws:s3:::*") for resource in public["Resource"])


@pytest.mark.parametrize("name", TIERS)
def test_every_release_is_gone_before_an_endpoint_is(stack: StackOf, name: str) -> None:
    """Its name leads nowhere from then on, and controllers still have to give back what they made."""
    synthesized = stack(name)
    ways = {endpoint.address for endpoint in synthesized.each("aws_vpc_endpoint")}
    for group in synthesized.all("aws_security_group"):
        if group.address.startswith("aws_security_group.endpoints_"):
            ways |= {rule.address for rule in synthesized.referring_to(group, "aws_vpc_security_group_ingress_rule")}
    for release in synthesized.releases.values():
        assert ways <= synthesized.comes_after(release), release.address

"""The graph of the AWS stacks: everything is used, nothing is open, and one run deploys or destroys."""

import re
from collections.abc import Iterator

import pytest

from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

TIERS = ("dev-aws", "staging-aws", "prod-aws")
ACCOUNTS = ("bootstrap-aws", "shared-aws")
each_tier = pytest.mark.parametrize("name", TIERS)
each_stack = pytest.mark.parametrize("name", [*TIERS, *ACCOUNTS])

RULES = {"aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"}
ONLY_ABOUT = {
    # Type -> what refers to one without using it.
    "aws_security_group": RULES,
    "aws_iam_role": {"aws_iam_role_policy", "aws_iam_role_policy_attachment"},
    "aws_kms_key": {"aws_kms_alias", "aws_kms_key_policy"},
    "aws_subnet": {"aws_route_table_association"},
}
USED_ON_DEMAND = {
    # Stack and address -> what of the data makes it used.
    ("staging-aws", "aws_security_group.load-generators_group"): "load_test: its pods carry the group",
    ("dev-aws", "aws_subnet.network_public-b"): "nat_gateways: per-zone puts one into each public subnet",
    ("dev-aws", "aws_subnet.network_public-c"): "as above",
}


@pytest.mark.parametrize("type", ONLY_ABOUT)
@each_tier
def test_each_is_used_and_not_only_spoken_of(stack: StackOf, name: str, type: str) -> None:
    synthesized = stack(name)
    found = synthesized.all(type)
    assert found
    unused = {
        resource.address
        for resource in found
        if not [user for user in synthesized.referring_to(resource) if user.type not in ONLY_ABOUT[type]]
    }
    assert unused == {address for stack, address in USED_ON_DEMAND if stack == name and address.startswith(f"{type}.")}


@each_stack
def test_nothing_accepts_from_everywhere(stack: StackOf, name: str) -> None:
    """Not even the load balancer: it is inside the network, and CloudFront leads to it."""
    synthesized = stack(name)
    for rule in synthesized.all("aws_vpc_security_group_ingress_rule"):
        assert rule.get("cidr_ipv4") != "0.0.0.0/0", rule.address
        assert rule.get("cidr_ipv6") is None, rule.address
    for group in synthesized.all("aws_security_group"):
        assert group.get("ingress") is None, group.address
    assert all(balancer["internal"] is True for balancer in synthesized.all("aws_lb"))
    for database in synthesized.all("aws_db_instance"):
        assert not database.get("publicly_accessible"), database.address


@each_stack
def test_no_plan_needs_what_only_an_apply_knows(stack: StackOf, name: str) -> None:
    """A plan that reads the cluster, or counts by what is not there yet, needs a second run."""
    synthesized = stack(name)
    for resource in [*synthesized.resources.values(), *synthesized.data_sources.values()]:
        assert "for_each" not in resource.body, resource.address
        assert "count" not in resource.body, resource.address
    assert not [r for r in synthesized.resources if r.startswith(("kubernetes_manifest", "helm_template"))]
    for source in synthesized.data_sources.values():
        assert not source.type.startswith(("data.kubernetes", "data.helm", "data.aws_eks_cluster")), source.address
        of_this_stack = synthesized.references(source) & set(synthesized.resources)
        assert of_this_stack == set(), f"{source.address} would be read only once {of_this_stack} are there"


def granting(stack: SynthesizedStack) -> Iterator[tuple[Resource, dict[str, object]]]:
    """Every statement that allows something to an identity of ours; a key's own policy speaks of that key alone."""
    for resource in stack.resources.values():
        if resource.type in ("aws_iam_role_policy", "aws_iam_policy", "aws_vpc_endpoint"):
            for statement in statements(resource["policy"]) if resource.get("policy") else ():
                if statement["Effect"] == "Allow":
                    yield resource, statement


WIDE = {
    # Address, as a pattern -> why its statements may name all resources or all actions of a service.
    r"aws_iam_role_policy\.(node-autoscaler|target-controller)_role_rights": "calls that only read know no resources",
    r"aws_vpc_endpoint\.endpoints_": "lets through, and grants nothing; whose account it is, is its condition",
    r"aws_iam_role_policy\.accounts_\d+_images_rights": "ecr:GetAuthorizationToken knows no resources",
    r"aws_iam_policy\.accounts_\w+_boundary": "an upper bound, and grants nothing",
}


def is_wide(statement: dict[str, object]) -> bool:
    def listed(field: str) -> list[str]:
        value = statement.get(field, [])
        return value if isinstance(value, list) else [str(value)]

    return "*" in listed("Resource") or any(re.fullmatch(r"\*|[\w-]+:\*", action) for action in listed("Action"))


@each_stack
def test_what_may_do_anything_or_touch_everything_has_a_reason(stack: StackOf, name: str) -> None:
    wide = {resource.address for resource, statement in granting(stack(name)) if is_wide(statement)}
    assert {address for address in wide if not any(re.match(pattern, address) for pattern in WIDE)} == set()


def test_each_reason_for_wide_rights_is_needed(stack: StackOf) -> None:
    wide = {r.address for name in (*TIERS, *ACCOUNTS) for r, statement in granting(stack(name)) if is_wide(statement)}
    assert [pattern for pattern in WIDE if not any(re.match(pattern, address) for address in wide)] == []

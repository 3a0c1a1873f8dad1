"""The graph of the AWS stacks: everything is used, nothing is open, and one run deploys or destroys."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

import pytest

from portal.spec.loader import Environments
from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

TIERS = ("dev-aws", "staging-aws", "prod-aws")
ACCOUNTS = ("bootstrap-aws", "shared-aws")
each_tier = pytest.mark.parametrize("name", TIERS)
each_stack = pytest.mark.parametrize("name", [*TIERS, *ACCOUNTS])

RULES = {"aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"}
PLACED_IN_A_NETWORK = {"aws_vpc", "aws_security_group", "aws_lb", "aws_db_instance", "aws_instance", *RULES}
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


@pytest.mark.parametrize("name", ACCOUNTS)
def test_what_accounts_share_is_in_no_network(stack: StackOf, name: str) -> None:
    assert not [r.address for r in stack(name).resources.values() if r.type in PLACED_IN_A_NETWORK]


@each_tier
def test_nothing_accepts_from_everywhere(stack: StackOf, name: str, environments: Environments) -> None:
    """Not even the load balancer: it is inside the network, and CloudFront or a network of the data leads to it."""
    synthesized = stack(name)
    networks = [*synthesized.each("aws_vpc"), *synthesized.each("aws_vpc_ipv4_cidr_block_association")]
    ranges = [IPv4Network(network["cidr_block"]) for network in networks]
    if name in TIERS:
        ranges += environments.tiers[name.removesuffix("-aws")].clouds.aws.portal_allowed_cidrs
    for rule in synthesized.each("aws_vpc_security_group_ingress_rule"):
        if within := rule.get("cidr_ipv4"):
            assert any(IPv4Network(within).subnet_of(range) for range in ranges), rule.address
        if servers := rule.get("prefix_list_id"):
            assert servers.startswith("${data.aws_ec2_managed_prefix_list."), rule.address
        assert rule.get("cidr_ipv6") is None, rule.address
    for group in synthesized.each("aws_security_group"):
        assert group.get("ingress") is None, group.address
    assert all(balancer["internal"] is True for balancer in synthesized.each("aws_lb"))
    # In dev they are pods.
    for database in synthesized.each("aws_db_instance") if name != "dev-aws" else ():
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


@each_stack
def test_rights_are_given_where_these_rules_look(stack: StackOf, name: str) -> None:
    for role in stack(name).each("aws_iam_role"):
        assert not {"inline_policy", "managed_policy_arns"} & role.body.keys(), role.address


def anyone(principal: object) -> bool:
    named = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in (each if isinstance(each, list) else [each]) for each in named)


@each_stack
def test_no_policy_lets_everyone_in(stack: StackOf, name: str) -> None:
    """Where it speaks of anyone, a condition says which; an endpoint's lets through, and grants nothing."""
    seen = 0
    for resource in stack(name).resources.values():
        for argument, value in resource.body.items():
            if resource.type == "aws_vpc_endpoint" or "jsonencode({" not in str(value) or '"Statement"' not in value:
                continue
            for statement in statements(value):
                seen += 1
                open = statement["Effect"] == "Allow" and anyone(statement.get("Principal"))
                assert not open or statement.get("Condition"), f"{resource.address}: {argument}"
    assert seen > 10


def granting(stack: SynthesizedStack) -> Iterator[tuple[Resource, dict[str, object]]]:
    """Every statement that allows something to an identity of ours; a key's own policy speaks of that key alone."""
    for resource in stack.resources.values():
        if resource.type in ("aws_iam_role_policy", "aws_iam_policy", "aws_vpc_endpoint"):
            for statement in statements(resource["policy"]) if resource.get("policy") else ():
                if statement["Effect"] == "Allow":
                    yield resource, statement


WIDE = {
    # Address, as a pattern -> why its statements may name no resource, or all actions of a service.
    r"aws_iam_role_policy\.(node-autoscaler|target-controller)_role_rights": "calls that only read know no resources; "
    "groups that are not made yet are known by their tag, which is a condition",
    r"aws_iam_role_policy\.secret-reader_role_rights": "any key, through Secrets Manager alone: a condition",
    r"aws_vpc_endpoint\.endpoints_": "lets through, and grants nothing; whose account it is, is its condition",
    r"aws_iam_role_policy\.accounts_\d+_github_portal-plan-rights": "any key, through two services alone: a condition",
    r"aws_iam_role_policy\.accounts_\d+_images_rights": "ecr:GetAuthorizationToken knows no resources",
    r"aws_iam_policy\.accounts_\w+_boundary": "an upper bound, and grants nothing",
}


def names_nothing(resource: str) -> bool:
    """Everything, or everything of a kind: what an ARN says behind the account is a wildcard, or a kind and one."""
    if resource == "*":
        return True
    parts = resource.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:
        return False
    # In S3 what comes before the slash is the bucket's name.
    return bool(re.match(r"\*" if parts[2] == "s3" else r"([\w-]+[:/])?\*", parts[5]))


def is_wide(statement: Mapping[str, object]) -> bool:
    def listed(field: str) -> list[str]:
        value = statement.get(field, [])
        return value if isinstance(value, list) else [str(value)]

    return (
        any(names_nothing(resource) for resource in listed("Resource"))
        or any(re.fullmatch(r"\*|[\w-]+:\*", action) for action in listed("Action"))
        or bool({"NotAction", "NotResource"} & statement.keys())
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Resource", "*"),
        ("Resource", ["arn:aws:s3:::mine", "arn:aws:s3:::*"]),
        ("Resource", "arn:aws:secretsmanager:*:111111111111:secret:*"),
        ("Resource", "arn:aws:iam::111111111111:role/*"),
        ("Action", ["s3:GetObject", "kms:*"]),
        ("NotAction", "iam:*"),
        ("NotResource", "arn:aws:s3:::mine"),
    ],
)
def test_what_is_wide_is_seen(field: str, value: object) -> None:
    narrow = {"Action": "s3:GetObject", "Resource": ["arn:aws:s3:::mine/*", "${aws_s3_bucket.mine.arn}/*"]}
    assert not is_wide(narrow)
    assert is_wide({**narrow, field: value})


@each_stack
def test_what_may_do_anything_or_touch_everything_has_a_reason(stack: StackOf, name: str) -> None:
    wide = {resource.address for resource, statement in granting(stack(name)) if is_wide(statement)}
    assert {address for address in wide if not any(re.match(pattern, address) for pattern in WIDE)} == set()


def test_each_reason_for_wide_rights_is_needed(stack: StackOf) -> None:
    wide = {r.address for name in (*TIERS, *ACCOUNTS) for r, statement in granting(stack(name)) if is_wide(statement)}
    assert [pattern for pattern in WIDE if not any(re.match(pattern, address) for address in wide)] == []

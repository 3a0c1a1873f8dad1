"""The most that a role may do: every role is inside it, and it holds what they need."""

import pytest

from portal.aws.boundary import SERVICES, boundary_arn, statements
from portal.spec.loader import Environments
from tests.aws import policies
from tests.conftest import StackOf

STACKS = ("dev-aws", "staging-aws", "prod-aws")

AWS_POLICIES = {
    "AWSLambdaENIManagementAccess": {"ec2"},
    "AWSXRayDaemonWriteAccess": {"xray"},
    "AmazonEBSCSIDriverPolicy": {"ec2"},
    "AmazonEC2ContainerRegistryPullOnly": {"ecr"},
    "AmazonEFSCSIDriverPolicy": {"ec2", "elasticfilesystem"},
    # Beside them iam:CreateServiceLinkedRole.
    "AmazonEKSClusterPolicy": {"autoscaling", "ec2", "elasticloadbalancing", "kms"},
    "AmazonEKSFargatePodExecutionRolePolicy": {"ecr"},
    "AmazonEKSWorkerNodePolicy": {"ec2", "eks", "eks-auth"},
    "AmazonEKS_CNI_Policy": {"ec2"},
    "AmazonRDSEnhancedMonitoringRole": {"logs"},
    "AmazonSSMManagedInstanceCore": {"ec2messages", "ssm", "ssmmessages"},
}
"""The services whose actions they allow, as of March 2026. Source: AWS managed policy reference."""


@pytest.mark.parametrize("name", STACKS)
def test_every_role_is_inside_the_boundary_of_its_account(
    stack: StackOf, environments: Environments, name: str
) -> None:
    """The role that deploys may make no other: one without it would stop the deploy half-way."""
    account = environments.tiers[name.partition("-")[0]].clouds.aws.account
    roles = stack(name).all("aws_iam_role")
    assert roles
    for role in roles:
        assert role["permissions_boundary"] == boundary_arn(account), role.address
        # The deploying role may touch no other names.
        assert role["name"].startswith("portal-"), role.address


@pytest.mark.parametrize("name", STACKS)
def test_no_role_needs_more_than_the_boundary_holds(stack: StackOf, name: str) -> None:
    boundary = statements("333333333333")
    for policy in stack(name).each("aws_iam_role_policy"):
        for statement in policies.statements(policy["policy"]):
            if statement["Effect"] == "Allow":
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                assert [each for each in actions if not policies.allows(boundary, each)] == [], policy.address


@pytest.mark.parametrize("name", STACKS)
def test_nor_does_a_policy_of_aws_that_a_role_has(stack: StackOf, name: str) -> None:
    for attached in stack(name).each("aws_iam_role_policy_attachment"):
        assert AWS_POLICIES[attached["policy_arn"].rpartition("/")[2]] <= set(SERVICES), attached.address


def test_it_holds_nothing_over_identities_but_what_services_ask_for() -> None:
    actions = {action for statement in statements("111111111111") for action in statement["Action"]}
    assert {action for action in actions if action.startswith("iam:")} == {
        "iam:CreateServiceLinkedRole",
        "iam:GetRole",
        "iam:PassRole",
    }
    assert not {action for action in actions if action.startswith(("organizations:", "account:", "sts:"))}


def test_the_boundary_names_services_and_gives_no_rights_over_identities() -> None:
    assert not {"iam", "organizations", "account", "sts"} & set(SERVICES)

"""Roles: each assumed by one service, with rights on named resources."""

import re

import pytest

from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import Resource

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", TIERS)
def test_each_role_trusts_one_service(stack: StackOf, name: str) -> None:
    for role in stack(name).each("aws_iam_role"):
        services = re.findall(r'"Service\\?" = \\?"([^"\\]+)', role["assume_role_policy"])
        assert len(services) == 1, role.address
        assert '"AWS"' not in role["assume_role_policy"]


@pytest.mark.parametrize("name", TIERS)
@pytest.mark.parametrize("role", ["node-autoscaler_role", "target-controller_role"])
def test_what_touches_every_resource_only_reads(stack: StackOf, name: str, role: str) -> None:
    policy = stack(name).one("aws_iam_role_policy", f"{role}_rights")
    everywhere = [each for each in statements(policy["policy"]) if each["Resource"] == "*"]
    assert everywhere
    for action in [action for each in everywhere for action in each["Action"]]:
        assert re.match(r"\w+:(Describe|Get)", action), action


FUNCTION = {"AWSLambdaENIManagementAccess", "AWSXRayDaemonWriteAccess"}


def test_managed_policies_are_the_least_that_each_role_needs(stack: StackOf) -> None:
    granted: dict[str, set[str]] = {}
    for synthesized in map(stack, TIERS):
        for attachment in synthesized.all("aws_iam_role_policy_attachment"):
            (role,) = synthesized.references(attachment)
            granted.setdefault(role.partition(".")[2], set()).add(attachment["policy_arn"].rpartition("/")[2])
    assert granted == {
        "backups_verifier_role": FUNCTION,
        "stores_backstage-db-rotation_role": FUNCTION,
        "stores_backstage-cache-rotation_role": FUNCTION,
        "stores_backstage-db_watcher": {"AmazonRDSEnhancedMonitoringRole"},
        "cluster_files": {"AmazonEFSCSIDriverPolicy"},
        "cluster_control-plane": {"AmazonEKSClusterPolicy"},
        "cluster_network-plugin": {"AmazonEKS_CNI_Policy"},
        "cluster_node": {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"},
        "cluster_volumes": {"AmazonEBSCSIDriverPolicy"},
        "load-generators_role": {"AmazonEKSFargatePodExecutionRolePolicy"},
        "ops-host_role": {"AmazonSSMManagedInstanceCore"},
    }


def test_pods_assume_roles_by_pod_identity_and_nodes_have_no_rights_for_them(stack: StackOf) -> None:
    prod = stack("prod-aws")
    for purpose, addon in (("network-plugin", "vpc-cni"), ("volumes", "aws-ebs-csi-driver")):
        role = prod.one("aws_iam_role", f"cluster_{purpose}")
        assert "pods.eks.amazonaws.com" in role["assume_role_policy"]
        assert "sts:TagSession" in role["assume_role_policy"]
        (user,) = prod.referring_to(role, "aws_eks_addon")
        assert user["addon_name"] == addon


def test_whoever_uses_a_role_waits_for_its_rights(stack: StackOf) -> None:
    """A role without its rights yet, or without them any more, fails at creation and blocks destruction."""
    prod = stack("prod-aws")

    def rights(role: Resource) -> set[str]:
        kinds = ("aws_iam_role_policy", "aws_iam_role_policy_attachment")
        return {right.address for kind in kinds for right in prod.referring_to(role, kind)}

    for role in prod.each("aws_iam_role"):
        assert rights(role), f"{role.address} may do nothing"
        # A machine has its role by way of a profile.
        profiles = prod.referring_to(role, "aws_iam_instance_profile")
        bearers = [*prod.referring_to(role), *(user for profile in profiles for user in prod.referring_to(profile))]
        users = [each for each in bearers if not each.type.startswith("aws_iam")]
        assert users, role.address
        for user in users:
            assert rights(role) <= prod.comes_after(user), user.address

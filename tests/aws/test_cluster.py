"""EKS: who gets in, what is kept, and in which order its parts come."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from portal.aws.cluster import pod_networking
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack, with_tier
from tests.synthesized import synthesized as synthesized_of

TIERS = ("dev-aws", "staging-aws", "prod-aws")

BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
AFTER_NODES = ("coredns", "aws-ebs-csi-driver", "aws-efs-csi-driver", "metrics-server", "snapshot-controller")


@pytest.mark.parametrize("name", TIERS)
def test_only_access_entries_open_the_cluster(stack: StackOf, name: str, environments: Environments) -> None:
    synthesized = stack(name)
    cluster = synthesized.one("aws_eks_cluster")
    assert cluster["access_config"] == {
        "authentication_mode": "API",
        "bootstrap_cluster_creator_admin_permissions": False,
    }
    aws = environments.tiers[name.partition("-")[0]].clouds.aws
    assert rights_of_roles(synthesized) == {
        f"arn:aws:iam::{aws.account}:role/{aws.cluster.deployer_role}": "AmazonEKSClusterAdminPolicy",
        # Or no plan could refresh a release.
        f"arn:aws:iam::{aws.account}:role/portal-plan": "AmazonEKSAdminViewPolicy",
    }


def rights_of_roles(stack: SynthesizedStack) -> dict[str, str]:
    """Who may do what in all of the cluster."""
    entries = {f"${{{entry.address}.principal_arn}}": entry for entry in stack.all("aws_eks_access_entry")}
    found = {}
    for rights in stack.all("aws_eks_access_policy_association"):
        assert rights["access_scope"] == {"type": "cluster"}
        entry = entries.pop(rights["principal_arn"])
        found[entry["principal_arn"]] = rights["policy_arn"].removeprefix("arn:aws:eks::aws:cluster-access-policy/")
    assert not entries, "an entry alone lets nobody in"
    return found


def test_people_come_in_by_roles_of_the_data(environments: Environments, versions: Versions, tmp_path: Path) -> None:
    prod = environments.tiers["prod"]
    people = {"administrators": ("Platform",), "readers": ("aws-reserved/sso.amazonaws.com/eu-west-1/OnCall_0f",)}
    cluster = prod.clouds.aws.cluster.model_copy(update=people)
    aws = prod.clouds.aws.model_copy(update={"cluster": cluster})
    clouds = prod.clouds.model_copy(update={"aws": aws})
    data = with_tier(environments, prod.model_copy(update={"clouds": clouds}))
    made = synthesized_of("prod-aws", data, versions, tmp_path)
    rights = rights_of_roles(made)
    roles = f"arn:aws:iam::{aws.account}:role/"
    assert rights[f"{roles}Platform"] == "AmazonEKSClusterAdminPolicy"
    assert rights[f"{roles}aws-reserved/sso.amazonaws.com/eu-west-1/OnCall_0f"] == "AmazonEKSAdminViewPolicy"


@pytest.mark.parametrize("name", TIERS)
def test_the_api_answers_only_the_networks_of_the_data(stack: StackOf, name: str, environments: Environments) -> None:
    allowed = environments.tiers[name.partition("-")[0]].clouds.aws.cluster.api_allowed_cidrs
    vpc_config = stack(name).one("aws_eks_cluster")["vpc_config"]
    assert vpc_config["public_access_cidrs"] == [str(cidr) for cidr in allowed]
    assert vpc_config["endpoint_private_access"] is True


@pytest.mark.parametrize("name", TIERS)
def test_secrets_are_encrypted_and_every_log_is_kept(stack: StackOf, name: str, environments: Environments) -> None:
    synthesized = stack(name)
    cluster = synthesized.one("aws_eks_cluster")
    assert cluster["encryption_config"]["resources"] == ["secrets"]
    assert "aws_kms_key.keys_cluster" in synthesized.references(cluster)
    assert set(cluster["enabled_cluster_log_types"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }
    group = synthesized.one("aws_cloudwatch_log_group", "cluster_logs")
    assert group["name"] == f"/aws/eks/{cluster['name']}/cluster"
    days = environments.tiers[name.partition("-")[0]].clouds.aws.cluster.log_retention_days
    assert group["retention_in_days"] == days
    assert group.address in synthesized.comes_after(cluster), "or EKS makes it, unencrypted and for ever"


@pytest.mark.parametrize("name", TIERS)
def test_clusters_run_the_pinned_version_with_standard_support(stack: StackOf, name: str, versions: Versions) -> None:
    cluster = stack(name).one("aws_eks_cluster")
    assert cluster["version"] == versions.kubernetes.version
    assert cluster["upgrade_policy"] == {"support_type": "STANDARD"}


@pytest.mark.parametrize("name", TIERS)
def test_services_get_the_range_of_the_data(stack: StackOf, name: str, environments: Environments) -> None:
    network = environments.tiers[name.partition("-")[0]].clouds.aws.network
    config = stack(name).one("aws_eks_cluster")["kubernetes_network_config"]
    assert config["service_ipv4_cidr"] == str(network.service_cidr)


@pytest.mark.parametrize(("name", "protected"), [("dev-aws", False), ("staging-aws", True), ("prod-aws", True)])
def test_a_protected_cluster_cannot_be_deleted(stack: StackOf, name: str, protected: bool) -> None:
    cluster = stack(name).one("aws_eks_cluster")
    assert cluster["deletion_protection"] is protected
    assert cluster["lifecycle"]["prevent_destroy"] is protected


def test_addons_come_in_the_order_in_which_nodes_need_them(stack: StackOf) -> None:
    prod = stack("prod-aws")
    addons = {addon["addon_name"]: addon for addon in prod.all("aws_eks_addon")}
    assert set(addons) == {*BEFORE_NODES, *AFTER_NODES}
    nodes = {group.address for group in prod.each("aws_eks_node_group")}
    for group in nodes:
        assert {addons[name].address for name in BEFORE_NODES} <= prod.comes_after(prod.resources[group])
    for name in AFTER_NODES:
        assert nodes <= prod.comes_after(addons[name]), name
    assert prod.one("aws_eks_cluster")["bootstrap_self_managed_addons"] is False
    # An addon that stops at a field somebody else has set would leave its old version running.
    assert {addons[name]["resolve_conflicts_on_update"] for name in addons} == {"OVERWRITE"}


def test_each_addon_is_of_a_pinned_build(stack: StackOf, versions: Versions) -> None:
    for name in TIERS:
        builds = {addon["addon_name"]: addon["addon_version"] for addon in stack(name).all("aws_eks_addon")}
        assert builds == versions.eks_addons.versions


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"kube-proxy": "v1.35.3-eksbuild.29"}, "kube-proxy must be of Kubernetes 1.36"),
        ({"coredns": None}, "lacks coredns"),
        ({"coredns": "latest"}, "should match pattern"),
    ],
)
def test_builds_that_do_not_fit_the_cluster_are_refused(
    versions: Versions, change: dict[str, str | None], rule: str
) -> None:
    pinned: dict[str, str | None] = {str(name): build for name, build in versions.eks_addons.versions.items()}
    builds = {name: build for name, build in (pinned | change).items() if build}
    data = {**versions.model_dump(), "eks_addons": {"versions": builds, "reason": "another"}}
    with pytest.raises(ValidationError, match=rule):
        Versions.model_validate(data)


def test_nodes_come_after_their_way_to_the_registries(stack: StackOf) -> None:
    prod = stack("prod-aws")
    ways = {r.address for type in ("aws_route", "aws_route_table_association") for r in prod.each(type)}
    for group in prod.each("aws_eks_node_group"):
        assert ways <= prod.comes_after(group), "a node that can pull no image never becomes ready"


def test_addons_get_their_rights_through_the_account_that_they_run_as(stack: StackOf) -> None:
    prod = stack("prod-aws")
    accounts = {
        addon["addon_name"]: addon["pod_identity_association"][0]["service_account"]
        for addon in prod.all("aws_eks_addon")
        if addon.get("pod_identity_association")
    }
    # The names that each addon's own manifest gives to its service account.
    assert accounts == {
        "vpc-cni": "aws-node",
        "aws-ebs-csi-driver": "ebs-csi-controller-sa",
        "aws-efs-csi-driver": "efs-csi-controller-sa",
    }


def test_data_volumes_are_encrypted_with_the_data_key(stack: StackOf) -> None:
    prod = stack("prod-aws")
    fast = prod.one("kubernetes_storage_class_v1", "platform_fast-ssd")
    assert fast["storage_provisioner"] == "ebs.csi.aws.com"
    assert fast["parameters"]["encrypted"] == "true"
    assert fast["parameters"]["kmsKeyId"] == "${aws_kms_key.keys_data.arn}"


def test_the_volume_driver_may_hand_the_key_only_to_aws(stack: StackOf) -> None:
    rights = stack("prod-aws").one("aws_iam_role_policy", "cluster_volumes_rights")["policy"]
    (grant,) = [part for part in rights.split('"Effect"') if '"kms:CreateGrant"' in part]
    assert '"kms:GrantIsForAWSResource" = "true"' in grant


def test_releases_come_after_the_deployers_rights(stack: StackOf) -> None:
    prod = stack("prod-aws")
    rights = prod.one("aws_eks_access_policy_association", "cluster_deployer-administers").address
    assert prod.releases
    for release in prod.releases.values():
        assert rights in prod.comes_after(release)


def test_each_zones_pods_get_that_zones_subnet(stack: StackOf) -> None:
    values = pod_networking(
        region="eu-west-1", subnet_ids={"eu-west-1a": "subnet-1"}, security_group_ids=["sg-1", "sg-2"]
    )
    assert values["eniConfig"]["create"] is True, "or nobody makes what names the subnets, and no pod gets an address"
    assert values["eniConfig"]["region"] == "eu-west-1"
    assert values["eniConfig"]["subnets"] == {"eu-west-1a": {"id": "subnet-1", "securityGroups": ["sg-1", "sg-2"]}}
    assert values["env"]["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"] == "true", "or pods use up the nodes' addresses"
    assert values["env"]["ENI_CONFIG_LABEL_DEF"] == "topology.kubernetes.io/zone", "or the names do not match"
    assert values["enableNetworkPolicy"] == "true", "or every NetworkPolicy is ignored"
    prod = stack("prod-aws")
    (cni,) = [addon for addon in prod.all("aws_eks_addon") if addon["addon_name"] == "vpc-cni"]
    assert {f"aws_subnet.network_pods-{letter}" for letter in "abc"} <= prod.references(cni)


def test_terraform_logs_in_by_a_command_and_holds_no_token(stack: StackOf) -> None:
    prod = stack("prod-aws")
    (kubernetes,), (helm,) = prod.document["provider"]["kubernetes"], prod.document["provider"]["helm"]
    (exec,) = kubernetes["exec"]
    assert exec["command"] == "aws"
    cluster = prod.one("aws_eks_cluster")
    region = prod.document["provider"]["aws"][0]["region"]
    assert exec["args"] == ["eks", "get-token", "--cluster-name", cluster["name"], "--region", region]
    assert helm["kubernetes"]["exec"] == exec
    for provider in (kubernetes, helm["kubernetes"]):
        assert provider["host"] == f"${{{cluster.address}.endpoint}}"
        ca = f"{cluster.address}.certificate_authority[0].data"
        assert provider["cluster_ca_certificate"] == f"${{base64decode({ca})}}"
    assert "token" not in kubernetes
    assert "token" not in helm["kubernetes"]

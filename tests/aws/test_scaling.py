"""Node groups grow and shrink by the cluster autoscaler, which may touch no other cluster's groups."""

import pytest

from portal.aws.scaling import may_scale
from portal.spec.versions import Versions
from tests.conftest import StackOf

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", TIERS)
def test_the_autoscaler_finds_the_groups_of_its_cluster(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    values = synthesized.values("cluster-autoscaler")
    assert values["autoDiscovery"]["clusterName"] == synthesized.one("aws_eks_cluster")["name"]
    assert values["awsRegion"] == "eu-west-1"


@pytest.mark.parametrize("name", TIERS)
def test_it_runs_under_the_service_account_that_has_the_role(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    association = synthesized.one("aws_eks_pod_identity_association", "node-autoscaler_user")
    release = synthesized.releases["cluster-autoscaler"]
    account = synthesized.values("cluster-autoscaler")["rbac"]["serviceAccount"]["name"]
    assert (association["namespace"], association["service_account"]) == (release["namespace"], account)
    assert association.address in synthesized.comes_after(release)


def test_it_is_of_the_clusters_minor_version(stack: StackOf, versions: Versions) -> None:
    tag = stack("prod-aws").values("cluster-autoscaler")["image"]["tag"]
    assert tag.startswith(f"v{versions.kubernetes.version}.")


@pytest.mark.parametrize(("name", "replicas"), [("dev-aws", 1), ("staging-aws", 2), ("prod-aws", 2)])
def test_a_spare_stands_by_where_it_matters(stack: StackOf, name: str, replicas: int) -> None:
    assert stack(name).values("cluster-autoscaler")["replicaCount"] == replicas


def test_it_may_change_only_groups_that_carry_the_clusters_tag() -> None:
    reading, changing = may_scale("portal-prod")
    assert not any(action.startswith("autoscaling:Set") for action in reading["Action"])
    assert changing["Condition"] == {
        "StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/portal-prod": "owned"},
    }


@pytest.mark.parametrize("name", ["prod-gcp", "prod-azure", "local"])
def test_clouds_that_scale_by_themselves_run_none(stack: StackOf, name: str) -> None:
    releases = stack(name).releases
    assert "portal" in releases
    assert "cluster-autoscaler" not in releases

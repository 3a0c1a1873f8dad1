"""Vertical autoscaling: installed where the cloud brings none, and there before the portal asks for it."""

import pytest

from tests.conftest import StackOf
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_release import EVERY_STACK


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_cluster_has_exactly_one_vertical_autoscaler(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    built_in = {
        "aws": False,
        "azure": bool(synthesized.all("azurerm_kubernetes_cluster"))
        and synthesized.one("azurerm_kubernetes_cluster")["workload_autoscaler_profile"][
            "vertical_pod_autoscaler_enabled"
        ],
        "gcp": bool(synthesized.all("google_container_cluster"))
        and synthesized.one("google_container_cluster")["enable_autopilot"],
        "local": False,
    }[name.rpartition("-")[2]]
    assert built_in is not ("vpa" in synthesized.releases)


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-aws") or name == "local"])
def test_it_is_there_before_the_portal_and_gone_after_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert synthesized.releases["vpa"].address in synthesized.comes_after(synthesized.releases["portal"])


@pytest.mark.parametrize(("name", "replicas"), [("dev-aws", 1), ("prod-aws", 2)])
def test_its_webhook_has_a_spare_where_it_matters(stack: StackOf, name: str, replicas: int) -> None:
    webhook = stack(name).values("vpa")["admissionController"]
    assert webhook["replicaCount"] == replicas
    assert bool(webhook["podDisruptionBudget"]) is (replicas > 1)


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-aws")])
def test_nodes_go_though_their_pods_have_scratch_directories(stack: StackOf, name: str) -> None:
    """By itself the autoscaler keeps every node with an `emptyDir` on it, which the portal's own pods have."""
    volumes = [
        volume
        for each in placed(stack(name), "Deployment")
        for volume in each.spec["template"]["spec"].get("volumes", ())
    ]
    assert any("emptyDir" in volume for volume in volumes)
    assert stack(name).values("cluster-autoscaler")["extraArgs"]["skip-nodes-with-local-storage"] is False

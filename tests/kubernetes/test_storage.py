"""Data volumes: made where the pod is, able to grow, and kept where data is protected."""

from pathlib import Path

import pytest

from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import synthesized

CLOUD_STACKS = tuple(name for name in EVERY_STACK if name != "local")


@pytest.mark.parametrize("name", CLOUD_STACKS)
def test_the_class_waits_for_a_pod_and_can_grow(stack: StackOf, name: str) -> None:
    fast = stack(name).one("kubernetes_storage_class_v1", "platform_fast-ssd")
    assert fast["volume_binding_mode"] == "WaitForFirstConsumer", "or a volume lies in a zone without its pod"
    assert fast["allow_volume_expansion"] is True


@pytest.mark.parametrize("name", CLOUD_STACKS)
def test_volumes_outlive_their_claims_where_data_is_protected(stack: StackOf, name: str) -> None:
    kept = not name.startswith("dev")
    assert stack(name).one("kubernetes_storage_class_v1", "platform_fast-ssd")["reclaim_policy"] == (
        "Retain" if kept else "Delete"
    )
    claims = stack(name).values("kube-prometheus-stack")["prometheus"]["prometheusSpec"]
    retention = claims["persistentVolumeClaimRetentionPolicy"]
    assert retention == {"whenDeleted": "Retain" if kept else "Delete", "whenScaled": "Retain"}
    assert stack(name).values("redis-failover")["storage"]["keepAfterDelete"] is kept


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_store_takes_the_class_and_comes_after_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    classes = [c for c in synthesized.all("kubernetes_storage_class_v1") if "fast-ssd" in c.address]
    wanted = classes[0]["metadata"]["name"] if classes else None
    monitoring = synthesized.values("kube-prometheus-stack")
    claims = (
        monitoring["prometheus"]["prometheusSpec"]["storageSpec"],
        monitoring["alertmanager"]["alertmanagerSpec"]["storage"],
    )
    assert {claim["volumeClaimTemplate"]["spec"].get("storageClassName") for claim in claims} == {wanted}
    for store in ("postgres-cluster", "redis-failover"):
        assert synthesized.values(store)["storage"]["class"] == wanted
    for store in ("postgres-cluster", "redis-failover", "kube-prometheus-stack"):
        assert {c.address for c in classes} <= synthesized.references(synthesized.releases[store])


def test_a_class_that_the_local_data_name_is_used(
    environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    cluster = environments.local.cluster.model_copy(update={"storage_class": "standard"})
    local = environments.local.model_copy(update={"cluster": cluster})
    made = synthesized("local", environments.model_copy(update={"local": local}), versions, tmp_path)
    assert made.values("postgres-cluster")["storage"]["class"] == "standard"
    assert made.all("kubernetes_storage_class_v1") == []

"""One value of an environment file changed: exactly the releases change, come or go that it is about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.spec.environment import Environment
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.charts.rendering import changed
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack, synthesized, with_tier

OTHER_DIGEST = "sha256:" + 64 * "a"

CHANGES: list[tuple[str, Any, set[str]]] = [
    ("portal.domain", "other.example.com", {"portal", "mesh", "prometheus-blackbox-exporter"}),
    ("portal.frontend.replicas.max", 20, {"portal"}),
    ("portal.frontend.image.digest", OTHER_DIGEST, {"portal"}),
    # A new repository has to be allowed too.
    ("portal.frontend.image.repository", "other.example.com/portal", {"portal", "cluster-policies"}),
    ("portal.frontend.resources.memory", "6Gi", {"portal"}),
    ("portal.backend.replicas.max", 9, {"portal"}),
    ("portal.sign_in.issuer", "https://other.example.com/realms/company", {"portal"}),
    ("portal.sign_in.client_id", "another", {"portal"}),
    # A program gets a token, and the backend is told of it.
    ("portal.api_tokens", ["ci"], {"portal", "credentials"}),
    ("portal.secrets", ["sign-in", "another"], {"credentials"}),
    ("data.portal-db.storage_gib", 600, {"postgres-cluster"}),
    # The portal goes through them or not.
    ("data.portal-db.poolers", 0, {"postgres-cluster", "portal"}),
    ("data.portal-db.limits.memory", "12Gi", {"postgres-cluster"}),
    ("data.portal-db.archive", "portal-2", {"postgres-cluster"}),
    ("data.portal-cache.requests.memory", "2Gi", {"redis-failover"}),
    ("data.portal-cache.storage_gib", 60, {"redis-failover"}),
    ("headroom.pods", 3, {"headroom"}),
    ("monitoring.retention_days", 20, {"kube-prometheus-stack"}),
    ("monitoring.archive_days", 400, {"metrics-archive"}),
    # The compactor works on what a Prometheus holds.
    ("monitoring.storage_gib", 300, {"kube-prometheus-stack", "metrics-archive"}),
    ("monitoring.receiver.type", "pagerduty", {"kube-prometheus-stack"}),
    ("monitoring.receiver.secret", "other", {"kube-prometheus-stack", "credentials"}),
    ("monitoring.runbooks", "https://other.example.com/runbooks", {"alerts"}),
    ("backup.retention_days", 40, {"postgres-cluster", "velero"}),
    # Without the hourly schedule nothing watches it.
    ("backup.level", "daily", {"velero", "alerts"}),
    # Whatever holds data may be destroyed, and what is in it goes with it.
    ("protected", False, {"postgres-cluster", "redis-failover", "kube-prometheus-stack", "credentials"}),
    (
        "charts",
        {"velero": {"reason": "a test of it", "values": {"resources": {"limits": {"memory": "2Gi"}}}}},
        {"velero"},
    ),
    # Nothing of these is in the cluster.
    ("managed.databases.storage_gib", 600, set()),
    ("clouds.gcp.cluster.log_retention_days", 30, set()),
    ("nodes.system.max", 8, set()),
]

IMAGE = {"repository": "registry.example.com/portal/loadtest", "digest": OTHER_DIGEST, "example": True}
LOAD_TEST = {"image": IMAGE, "workers": 2, "resources": {"cpu": "1", "memory": "1Gi"}}

SWITCHES: list[tuple[str, Any, set[str], set[str]]] = [
    # Path, value, and the releases that come and that go.
    ("load_test", LOAD_TEST, {"loadtest"}, set()),
    ("headroom", None, set(), {"headroom"}),
    ("mesh", False, set(), {"gateway", "mesh"}),
    ("monitoring.archive_days", 0, set(), {"metrics-archive"}),
    ("backup", {"level": "none", "retention_days": 0}, set(), {"velero", "plugin-barman-cloud"}),
]


Change = Callable[[str, Any], SynthesizedStack]


@pytest.fixture
def prod_gcp_with(environments: Environments, versions: Versions, tmp_path: Path) -> Change:
    """`prod_gcp_with(path, value)`: that stack with one value of its data changed."""

    def synthesize(path: str, value: Any) -> SynthesizedStack:
        data = changed(environments.tiers["prod"].model_dump(by_alias=True), path, value)
        prod = Environment.model_validate(data)
        return synthesized("prod-gcp", with_tier(environments, prod), versions, tmp_path)

    return synthesize


@pytest.mark.parametrize(("path", "value", "releases"), CHANGES, ids=[path for path, _, _ in CHANGES])
def test_a_change_of_data_changes_these_releases_and_no_other(
    stack: StackOf, prod_gcp_with: Change, path: str, value: Any, releases: set[str]
) -> None:
    before, after = stack("prod-gcp"), prod_gcp_with(path, value)
    assert before.releases.keys() == after.releases.keys()
    # Other resources may carry the value as a tag.
    different = {name for name, release in before.releases.items() if release.body != after.releases[name].body}
    assert different == releases


@pytest.mark.parametrize(("path", "value", "come", "go"), SWITCHES, ids=[path for path, *_ in SWITCHES])
def test_a_switch_in_the_data_brings_or_removes_these_releases_and_no_other(
    stack: StackOf, prod_gcp_with: Change, path: str, value: Any, come: set[str], go: set[str]
) -> None:
    before, after = stack("prod-gcp").releases.keys(), prod_gcp_with(path, value).releases.keys()
    assert (after - before, before - after) == (come, go)

"""One value of an environment file changed: exactly the releases change that it is about."""

from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from portal.app import stacks
from portal.spec.environment import Environment
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.charts.rendering import changed
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack

OTHER_DIGEST = "sha256:" + 64 * "a"

CHANGES: list[tuple[str, Any, set[str]]] = [
    ("portal.domain", "other.example.com", {"portal", "mesh", "prometheus-blackbox-exporter"}),
    ("portal.frontend.replicas.max", 20, {"portal"}),
    ("portal.frontend.image.digest", OTHER_DIGEST, {"portal"}),
    # A new repository has to be allowed too.
    ("portal.frontend.image.repository", "other.example.com/portal", {"portal", "cluster-policies"}),
    ("portal.secrets", ["sign-in", "another"], {"credentials"}),
    ("data.portal-db.storage_gib", 600, {"postgres-cluster"}),
    # The portal goes through them or not.
    ("data.portal-db.poolers", 0, {"postgres-cluster", "portal"}),
    ("data.portal-cache.requests.memory", "2Gi", {"redis-failover"}),
    ("monitoring.retention_days", 20, {"kube-prometheus-stack"}),
    ("monitoring.archive_days", 400, {"metrics-archive"}),
    # The compactor works on what a Prometheus holds.
    ("monitoring.storage_gib", 300, {"kube-prometheus-stack", "metrics-archive"}),
    ("monitoring.runbooks", "https://other.example.com/runbooks", {"alerts"}),
    ("backup.retention_days", 40, {"postgres-cluster", "velero"}),
    # Without the hourly schedule nothing watches it.
    ("backup.level", "daily", {"velero", "alerts"}),
]


@pytest.mark.parametrize(("path", "value", "releases"), CHANGES, ids=[path for path, _, _ in CHANGES])
def test_a_change_of_data_changes_these_releases_and_no_other(
    stack: StackOf,
    environments: Environments,
    versions: Versions,
    tmp_path: Path,
    path: str,
    value: Any,
    releases: set[str],
) -> None:
    prod = environments.tiers["prod"]
    data = changed(prod.model_dump(by_alias=True), path, value)
    tiers = {**environments.tiers, "prod": Environment.model_validate(data)}
    app = App(outdir=str(tmp_path))
    stacks(environments.model_copy(update={"tiers": tiers}), versions)["prod-gcp"](app)
    app.synth()
    before = stack("prod-gcp")
    after = SynthesizedStack(tmp_path / "stacks" / "prod-gcp" / "cdk.tf.json")
    assert before.releases.keys() == after.releases.keys()
    # Other resources may carry the value as a tag.
    different = {name for name, release in before.releases.items() if release.body != after.releases[name].body}
    assert different == releases

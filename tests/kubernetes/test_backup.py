"""Velero: what it backs up when, what it leaves out, and that its pods fit into their namespace."""

import json
from typing import Any

import pytest
import yaml

from portal.kubernetes.backup import longest_gap_hours, schedules
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from portal.spec.workloads import Backup
from tests.charts.rendering import conforms
from tests.conftest import StackOf
from tests.kubernetes.pod_security import violations
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_order import CLOUD_STACKS
from tests.synthesized import SynthesizedStack

KEEPING = tuple(name for name in CLOUD_STACKS if not name.startswith("dev"))
SNAPSHOT_DRIVERS = {"aws": "ebs.csi.aws.com", "gcp": "pd.csi.storage.gke.io", "azure": "disk.csi.azure.com"}

each_keeping = pytest.mark.parametrize("name", KEEPING)


def test_development_and_local_keep_no_backups(stack: StackOf) -> None:
    for name in ("dev-aws", "dev-gcp", "dev-azure", "local"):
        assert "velero" not in stack(name).releases
        assert "velero" not in {n["metadata"]["name"] for n in stack(name).all("kubernetes_namespace_v1")}


@each_keeping
def test_each_night_everything_and_in_production_each_hour_the_objects(
    stack: StackOf, name: str, environments: Environments
) -> None:
    made = stack(name).values("velero")["schedules"]
    days = environments.tiers[name.partition("-")[0]].backup.retention_days
    nightly = made["nightly"]
    assert (nightly["schedule"], nightly["template"]["ttl"]) == ("0 3 * * *", f"{days * 24}h")
    assert nightly["template"]["snapshotVolumes"] is True
    assert made.keys() == ({"nightly", "hourly"} if name.startswith("prod") else {"nightly"})
    if "hourly" in made:
        assert made["hourly"]["schedule"].endswith(" * * * *")
        assert made["hourly"]["template"]["snapshotVolumes"] is False


@each_keeping
def test_every_namespace_is_in_and_no_password_is(stack: StackOf, name: str) -> None:
    for schedule in stack(name).values("velero")["schedules"].values():
        assert schedule["template"]["includedNamespaces"] == ["*"]
        assert schedule["template"]["includeClusterResources"] is True
        assert "secrets" in schedule["template"]["excludedResources"]


def skipped(stack: SynthesizedStack) -> list[dict[str, Any]]:
    """The conditions under which a volume is left out."""
    (document,) = stack.values("velero")["configMaps"]["skipped-volumes"]["data"].values()
    policies = yaml.safe_load(document)["volumePolicies"]
    assert all(policy["action"] == {"type": "skip"} for policy in policies)
    return [policy["conditions"] for policy in policies]


@each_keeping
def test_the_databases_volumes_are_left_to_its_own_backups(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    policy = synthesized.values("velero")["schedules"]["nightly"]["template"]["resourcePolicy"]
    # The chart puts its own name in front.
    assert policy == {"kind": "configmap", "name": "velero-skipped-volumes"}
    assert {"pvcLabels": {"cnpg.io/cluster": "postgres-cluster"}} in skipped(synthesized)
    assert "postgres-cluster" in synthesized.releases


@each_keeping
def test_a_volume_has_snapshots_or_is_skipped(stack: StackOf, name: str) -> None:
    """One of a driver without a VolumeSnapshotClass makes the whole backup fail in part."""
    synthesized = stack(name)
    with_snapshots = {made["driver"] for made in synthesized.values("velero")["extraObjects"]}
    left_out = {condition["csi"]["driver"] for condition in skipped(synthesized) if "csi" in condition}
    drivers = {each["storage_provisioner"] for each in synthesized.all("kubernetes_storage_class_v1")}
    drivers |= {each.spec["csi"]["driver"] for each in placed(synthesized, "PersistentVolume")}
    assert drivers == with_snapshots | left_out
    assert not with_snapshots & left_out


@each_keeping
def test_snapshots_are_made_by_the_driver_of_the_data_volumes(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    values = synthesized.values("velero")
    (made,) = values["extraObjects"]
    assert values["configuration"]["features"] == "EnableCSI"
    assert made["driver"] == SNAPSHOT_DRIVERS[name.rpartition("-")[2]]
    assert made["driver"] == synthesized.one("kubernetes_storage_class_v1", "platform_fast-ssd")["storage_provisioner"]
    assert made["metadata"]["labels"] == {"velero.io/csi-volumesnapshot-class": "true"}
    (finding,) = conforms(json.dumps(made))
    assert finding["status"] == "statusValid", finding


@each_keeping
def test_its_pods_pass_the_level_of_their_namespace(stack: StackOf, name: str) -> None:
    """The server with its plugin, and the job that brings the kinds up to date."""
    values = stack(name).values("velero")
    server = {
        "securityContext": values["podSecurityContext"],
        "initContainers": values["initContainers"],
        "containers": [{"name": "velero", "securityContext": values["containerSecurityContext"]}],
    }
    job = {
        "securityContext": values["podSecurityContext"],
        "containers": [
            {"name": "velero", "securityContext": values["containerSecurityContext"]},
            {"name": "kubectl", "securityContext": values["kubectl"]["containerSecurityContext"]},
        ],
    }
    assert violations(server) == violations(job) == []


PLUGINS = {"aws": "aws", "gcp": "gcp", "azure": "microsoft-azure"}


@each_keeping
def test_velero_finds_the_plugin_of_its_cloud_where_it_looks(stack: StackOf, name: str, versions: Versions) -> None:
    values, cloud = stack(name).values("velero"), name.rpartition("-")[2]
    (plugin,) = values["initContainers"]
    assert plugin["image"] == versions.images[f"velero-{cloud}"].reference
    assert f"velero-plugin-for-{PLUGINS[cloud]}:" in plugin["image"]
    # The chart mounts this volume into the server as its folder of plugins.
    assert plugin["volumeMounts"] == [{"name": "plugins", "mountPath": "/target"}]
    assert [location["provider"] for location in values["configuration"]["backupStorageLocation"]] == [cloud]


@each_keeping
def test_no_credential_is_stored_anywhere(stack: StackOf, name: str) -> None:
    values = stack(name).values("velero")
    assert values["credentials"] == {"useSecret": False}
    assert stack(name).releases["velero"]["namespace"] == "velero"
    assert values["serviceAccount"]["server"]["name"] == "velero"


@each_keeping
def test_an_alert_watches_each_schedule_by_the_name_that_the_chart_gives_it(stack: StackOf, name: str) -> None:
    made = {f"velero-{schedule}" for schedule in stack(name).values("velero")["schedules"]}
    assert {each["schedule"] for each in stack(name).values("alerts")["clusterBackups"]} == made


@pytest.mark.parametrize("level", ["daily", "continuous"])
def test_a_backup_may_be_older_than_the_period_of_its_schedule(level: str) -> None:
    backup = Backup.model_validate({"level": level, "retention_days": 30})
    periods = {"nightly": 24, "hourly": 1}
    oldest = longest_gap_hours(backup)
    assert oldest.keys() == {f"velero-{name}" for name in schedules(backup, snapshots=True)}
    assert all(oldest[f"velero-{name}"] > periods[name] for name in schedules(backup, snapshots=True))


def test_without_a_snapshot_controller_objects_alone_are_backed_up() -> None:
    """Or every backup would fail in part, for want of the kinds."""
    template = schedules(Backup(level="daily", retention_days=14), snapshots=False)["nightly"]["template"]
    assert template["snapshotVolumes"] is False
    assert "resourcePolicy" not in template

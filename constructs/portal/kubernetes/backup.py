"""Backups of the cluster's objects and volumes: Velero."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import restricted
from portal.kubernetes.contract import ClusterBackupStore, ServiceAccount, SharedFiles, VolumeClass
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import SELECTED
from portal.kubernetes.portal import DATABASE
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import ThirdPartyChart
from portal.spec.versions import OperandImage
from portal.spec.workloads import NIGHTLY_MAX_AGE_HOURS, Backup

CHART: Final = "velero"

SERVICE_ACCOUNT = ServiceAccount(namespace=ns.BACKUP, name=CHART)

NIGHTLY: Final = "nightly"
HOURLY: Final = "hourly"
HOURLY_MAX_AGE_HOURS: Final = 3

HOURLY_KEPT_HOURS = 72
"""An hour's state is for mistakes that somebody notices within a weekend; older ones are in the nightly backups."""

SKIPPED_VOLUMES = "skipped-volumes"

EXCLUDED = (
    # Whoever reads the bucket would read every password. All of them are made anew in the cluster or come from outside
    # (docs/runbooks/restore-cluster.md).
    "secrets",
    "events",
    "events.events.k8s.io",
)


def install_backup(install: Installer, *, after: Sequence[ITerraformDependable]) -> dict[str, int]:
    """Nothing where the tier keeps no backups. By schedule, how many hours old its newest backup may be."""
    store, volumes = install.services.cluster_backups, install.services.volumes
    if not store:
        return {}
    install.release(
        "cluster-backup",
        chart=ThirdPartyChart(name=CHART),
        namespace=ns.BACKUP,
        values=values(
            store=store,
            plugin=install.versions.images[store.plugin],
            backup=install.layer.backup,
            volumes=volumes if isinstance(volumes, VolumeClass) else None,
            files=install.services.shared_files,
            node_selector=install.cluster.nodes("system"),
        ),
        after=[*store.login.ready, *after],
    )
    return longest_gap_hours(install.layer.backup)


def values(
    *,
    store: ClusterBackupStore,
    plugin: OperandImage,
    backup: Backup,
    volumes: VolumeClass | None,
    files: SharedFiles | None,
    node_selector: Mapping[str, str],
) -> dict[str, Any]:
    """Values of Velero's chart. By itself it mounts a Secret with credentials, and sets no security context.

    It stays cluster-admin, the chart's default: it has to read and write objects of every kind.

    Source: guide, "Backup Strategy"; Velero, "Container Storage Interface Snapshot Support".
    """
    snapshots = volumes is not None and volumes.snapshot_parameters is not None
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    return {
        "credentials": {"useSecret": False},
        "serviceAccount": {
            "server": {"name": SERVICE_ACCOUNT.name, "annotations": dict(store.login.service_account_annotations)}
        },
        "podLabels": dict(store.login.pod_labels),
        "initContainers": [
            {
                "name": "plugin",
                "image": plugin.reference,
                "volumeMounts": [{"name": "plugins", "mountPath": "/target"}],
                "resources": small,
                "securityContext": restricted.CONTAINER,
            }
        ],
        "configuration": {
            "backupStorageLocation": [
                {
                    "name": "default",
                    "default": True,
                    "provider": store.provider,
                    "bucket": store.bucket,
                    "config": dict(store.config),
                }
            ],
            # Snapshots are the storage driver's: Velero itself needs no right to disks.
            "volumeSnapshotLocation": [],
            "features": "EnableCSI" if snapshots else None,
            "defaultBackupTTL": f"{backup.retention_days * 24}h",
        },
        "snapshotsEnabled": False,
        "schedules": schedules(backup, snapshots=snapshots),
        "configMaps": {SKIPPED_VOLUMES: {"data": {"policy.yaml": json.dumps(skipped_volumes(files))}}},
        "extraObjects": [snapshot_class(volumes)] if volumes and snapshots else [],
        "priorityClassName": SYSTEM,
        "nodeSelector": dict(node_selector),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "podSecurityContext": {**restricted.AS_NOBODY, "fsGroup": restricted.NOBODY},
        "containerSecurityContext": restricted.CONTAINER,
        # The job that brings the kinds up to date.
        "upgradeCRDs": True,
        "upgradeJobResources": small,
        "kubectl": {"containerSecurityContext": restricted.CONTAINER, "resources": small},
        "metrics": {
            # The default leaves the monitor out where the API server does not know the kind at that moment.
            "serviceMonitor": {
                "autodetect": False,
                "enabled": True,
                "additionalLabels": SELECTED["matchLabels"],
            }
        },
    }


def schedules(backup: Backup, *, snapshots: bool) -> dict[str, Any]:
    """By name: each night everything, and with level `continuous` each hour the objects alone."""
    nightly = {
        "schedule": "0 3 * * *",
        "template": _template(backup.retention_days * 24, snapshots=snapshots),
    }
    hourly = {"schedule": "30 * * * *", "template": _template(HOURLY_KEPT_HOURS, snapshots=False)}
    return {NIGHTLY: nightly, **({HOURLY: hourly} if backup.level == "continuous" else {})}


def longest_gap_hours(backup: Backup) -> dict[str, int]:
    """How old the newest backup of each schedule may be: its period, and time for the next one to be made."""
    nightly = {f"{CHART}-{NIGHTLY}": NIGHTLY_MAX_AGE_HOURS}
    return {**nightly, **({f"{CHART}-{HOURLY}": HOURLY_MAX_AGE_HOURS} if backup.level == "continuous" else {})}


def _template(kept_hours: int, *, snapshots: bool) -> dict[str, Any]:
    return {
        "ttl": f"{kept_hours}h",
        "includedNamespaces": ["*"],
        "includeClusterResources": True,
        "excludedResources": list(EXCLUDED),
        "snapshotVolumes": snapshots,
        **({"resourcePolicy": {"kind": "configmap", "name": f"{CHART}-{SKIPPED_VOLUMES}"}} if snapshots else {}),
    }


def skipped_volumes(files: SharedFiles | None) -> dict[str, Any]:
    """Velero's resource policy: the database has backups of its own, which can go back to a moment, and what lies in
    shared files is made anew. Their drivers know no snapshots, and a volume without is a backup that failed in part."""
    conditions: list[dict[str, Any]] = [{"pvcLabels": {"cnpg.io/cluster": DATABASE}}]
    if files:
        conditions.append({"csi": {"driver": files.driver}})
    return {
        "version": "v1",
        "volumePolicies": [{"conditions": each, "action": {"type": "skip"}} for each in conditions],
    }


def snapshot_class(volumes: VolumeClass) -> dict[str, Any]:
    """The VolumeSnapshotClass by which Velero makes snapshots. It keeps them when the volume's namespace goes, and
    deletes those of expired backups itself."""
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": "velero", "labels": {"velero.io/csi-volumesnapshot-class": "true"}},
        "driver": volumes.provisioner,
        "parameters": dict(volumes.snapshot_parameters or {}),
        "deletionPolicy": "Retain",
    }

"""What people see and what wakes them: the project's dashboards and alerts, on top of kube-prometheus-stack."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.release import OwnChart
from portal.spec.workloads import NIGHTLY_MAX_AGE_HOURS, Monitoring

DASHBOARDS_CHART: Final = "dashboards"
ALERTS_CHART: Final = "alerts"

REPLACED_ALERTS = (
    "KubeHpaMaxedOut",
    "KubePersistentVolumeFillingUp",
    "NodeFilesystemAlmostOutOfSpace",
    "NodeFilesystemSpaceFillingUp",
)
"""Alerts of kube-prometheus-stack that say the same as ours, without a runbook of ours."""


def install_dashboards_and_alerts(
    install: Installer, *, cluster_backups: Mapping[str, int], after: Sequence[ITerraformDependable]
) -> None:
    """Nothing where nobody would see them. `cluster_backups`: as for `alerts_values`."""
    layer = install.layer
    if not has_readers(layer.monitoring):
        return
    install.release(
        "dashboards", chart=OwnChart(name=DASHBOARDS_CHART), namespace=ns.MONITORING, values={}, after=after
    )
    install.release(
        "alerts",
        chart=OwnChart(name=ALERTS_CHART),
        namespace=ns.MONITORING,
        values=alerts_values(
            monitoring=layer.monitoring,
            cluster=install.cluster,
            runbook_base_url=layer.monitoring.runbooks,
            backups=install.services.database_backups is not None,
            cluster_backups=cluster_backups,
            metrics_archive=install.services.metrics_store is not None,
            secret_store=install.services.secret_store is not None,
            cache=install.services.cache_inside,
            certificates=True,
        ),
        after=after,
    )


def has_readers(monitoring: Monitoring) -> bool:
    """Whether the level has Grafana, which shows dashboards, and Alertmanager, which sends alerts."""
    return monitoring.level != "basic"


def alerts_values(
    *,
    monitoring: Monitoring,
    cluster: Cluster,
    runbook_base_url: str,
    backups: bool,
    cluster_backups: Mapping[str, int],
    metrics_archive: bool,
    secret_store: bool,
    cache: bool,
    certificates: bool,
) -> dict[str, Any]:
    """Values of chart alerts.

    `runbook_base_url`: where people read docs/runbooks. `backups`: the database has a backup store. `cluster_backups`:
    by Velero's schedule, how many hours old its newest backup may be. `metrics_archive`: metrics stay in an object
    store. `cache`: Redis runs inside the cluster. `certificates`: cert-manager runs here.

    Source: guide, "Monitoring Architecture"; the levels of its environment matrix.
    """
    return {
        "portalNamespace": ns.PORTAL,
        "runbookBaseUrl": runbook_base_url,
        "burnRate": monitoring.level == "enterprise",
        "probes": monitoring.level == "enterprise",
        "metricsArchive": metrics_archive,
        "secretStore": secret_store,
        "cache": cache,
        "backups": {"maxAgeHours": NIGHTLY_MAX_AGE_HOURS} if backups else None,
        "clusterBackups": [{"schedule": schedule, "maxAgeHours": hours} for schedule, hours in cluster_backups.items()]
        or None,
        "certificates": certificates,
        # Prometheus reads kubelets and node exporters only where node agents may run.
        "nodeMetrics": cluster.node_agents,
    }


def replaced_alerts(monitoring: Monitoring) -> dict[str, Any]:
    """Values of kube-prometheus-stack that leave out what chart alerts brings; none where it is not installed."""
    if not has_readers(monitoring):
        return {}
    return {"defaultRules": {"disabled": dict.fromkeys(REPLACED_ALERTS, True)}}

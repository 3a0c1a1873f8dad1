"""What people see and what wakes them: the project's dashboards and alerts, on top of kube-prometheus-stack."""

from typing import Any, Final

from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import Cluster
from portal.spec.workloads import Monitoring

DASHBOARDS_CHART: Final = "dashboards"
ALERTS_CHART: Final = "alerts"

BACKUP_MAX_AGE_HOURS = 26
"""A backup a day, and two hours for the newest to be made."""

REPLACED_ALERTS = (
    "KubeHpaMaxedOut",
    "KubePersistentVolumeFillingUp",
    "NodeFilesystemAlmostOutOfSpace",
    "NodeFilesystemSpaceFillingUp",
)
"""Alerts of kube-prometheus-stack that say the same as ours, without a runbook of ours."""


def has_readers(monitoring: Monitoring) -> bool:
    """Whether the level has Grafana, which shows dashboards, and Alertmanager, which sends alerts."""
    return monitoring.level != "basic"


def alerts_values(
    *, monitoring: Monitoring, cluster: Cluster, runbook_base_url: str, backups: bool, certificates: bool
) -> dict[str, Any]:
    """Values of chart alerts.

    `runbook_base_url`: where people read docs/runbooks. `backups`: the database has a backup store. `certificates`:
    cert-manager runs here.

    Source: guide, "Monitoring Architecture"; the levels of its environment matrix.
    """
    return {
        "portalNamespace": ns.PORTAL,
        "runbookBaseUrl": runbook_base_url,
        "burnRate": monitoring.level == "enterprise",
        "backups": {"maxAgeHours": BACKUP_MAX_AGE_HOURS} if backups else None,
        "certificates": certificates,
        # Prometheus reads kubelets and node exporters only where node agents may run.
        "nodeMetrics": cluster.node_agents,
    }


def replaced_alerts(monitoring: Monitoring) -> dict[str, Any]:
    """Values of kube-prometheus-stack that leave out what chart alerts brings; none where it is not installed."""
    if not has_readers(monitoring):
        return {}
    return {"defaultRules": {"disabled": dict.fromkeys(REPLACED_ALERTS, True)}}

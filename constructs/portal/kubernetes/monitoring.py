"""Prometheus, and with the level Alertmanager and Grafana: kube-prometheus-stack."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.helm_values import merged
from portal.kubernetes import metrics_archive, observability
from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import ThirdPartyChart
from portal.spec.workloads import Monitoring, Receiver

CHART: Final = "kube-prometheus-stack"
CRDS_CHART: Final = "prometheus-operator-crds"

ISSUER: Final = "internal"
"""The ClusterIssuer of the cluster's own certificate authority."""

GRAFANA_ADMIN: Final = {
    "existingSecret": "grafana-admin",
    "userKey": "admin-user",
    "passwordKey": "admin-password",
}
"""Where Grafana finds its first login."""

SELECTED = {"matchLabels": {"team": "platform"}}
"""The guide's selector: what carries this label is scraped, evaluated, or probed."""

ALERTMANAGERS = {"basic": 0, "full": 1, "enterprise": 3}
PROMETHEUSES = {"basic": 1, "full": 1, "enterprise": 2}


def install_kinds(install: Installer) -> ITerraformDependable:
    """The kinds of the Prometheus operator, ahead of everything that brings a monitor."""
    return install.release(
        "monitored-kinds", chart=ThirdPartyChart(name=CRDS_CHART), namespace=ns.MONITORING, values=crds_values()
    )


def install_prometheus(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """`after`: its webhooks have a certificate of the authority, and Grafana a login from the credentials."""
    layer, store = install.layer, install.services.metrics_store
    node_agents = [ns.NODE_AGENTS] if install.cluster.node_agents else []
    return install.release(
        "prometheus",
        chart=ThirdPartyChart(name=CHART),
        namespace=ns.MONITORING,
        values=merged(
            prometheus_values(
                monitoring=layer.monitoring,
                cluster=install.cluster,
                storage_class=install.storage_class,
                protected=layer.protected,
            ),
            merged(
                observability.replaced_alerts(layer.monitoring),
                metrics_archive.prometheus_values(store, install.versions.images["thanos"]),
            ),
        ),
        after=[
            *install.volumes_ready,
            *(store.login.ready if store else ()),
            *after,
            *(item for name in node_agents for item in install.namespaces.ready[name]),
        ],
        holds_data=True,
    )


def crds_values() -> dict[str, Any]:
    """Values of prometheus-operator-crds. Deleting the kinds would delete every monitor, also when the release is only
    replaced."""
    return {"crds": {"annotations": {"helm.sh/resource-policy": "keep"}}}


def grafana_enabled(monitoring: Monitoring) -> bool:
    """Does this level come with Grafana?"""
    return monitoring.level != "basic"


def prometheus_values(
    *, monitoring: Monitoring, cluster: Cluster, storage_class: str | None, protected: bool
) -> dict[str, Any]:
    """Values of kube-prometheus-stack for a monitoring level.

    Source: guide, "Prometheus Stack Deployment"; the chart's values.yaml.
    """
    with_alerts = monitoring.level != "basic"
    nodes = cluster.nodes("system")
    return {
        "fullnameOverride": "prometheus",
        "commonLabels": SELECTED["matchLabels"],
        # A release of their own brings the kinds: others need them before this one, and Helm never upgrades them here.
        "crds": {"enabled": False},
        "prometheus": {
            "serviceAccount": {"name": metrics_archive.SERVICE_ACCOUNT.name},
            "prometheusSpec": {
                "replicas": PROMETHEUSES[monitoring.level],
                "retention": f"{monitoring.retention_days}d",
                # Below the volume's size, or a busy month fills the disk before the retention empties it.
                "retentionSize": f"{monitoring.storage_gib * 85 // 100}GiB",
                "resources": _prometheus_resources(monitoring),
                "priorityClassName": SYSTEM,
                "podAntiAffinity": "hard" if monitoring.level == "enterprise" else "soft",
                "nodeSelector": nodes,
                "storageSpec": _volume(monitoring.storage_gib, storage_class),
                "persistentVolumeClaimRetentionPolicy": {
                    "whenDeleted": "Retain" if protected else "Delete",
                    "whenScaled": "Retain",
                },
                # All five, or the others fall back to the labels of this release.
                **{
                    f"{kind}Selector": SELECTED
                    for kind in ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig")
                },
            },
            "podDisruptionBudget": {"enabled": monitoring.level == "enterprise", "minAvailable": 1},
        },
        "alertmanager": {
            "enabled": with_alerts,
            **_notifications(monitoring.receiver),
            "alertmanagerSpec": {
                "secrets": [monitoring.receiver.secret] if monitoring.receiver else [],
                "replicas": max(ALERTMANAGERS[monitoring.level], 1),
                "priorityClassName": SYSTEM,
                "nodeSelector": nodes,
                "storage": _volume(10, storage_class),
                # Else every route only sees alerts from its own namespace.
                "alertmanagerConfigMatcherStrategy": {"type": "None"},
                "resources": _resources(cpu="50m", memory="128Mi"),
            },
            "podDisruptionBudget": {"enabled": monitoring.level == "enterprise", "minAvailable": 2},
        },
        "grafana": {
            "enabled": grafana_enabled(monitoring),
            "admin": GRAFANA_ADMIN,
            "priorityClassName": SYSTEM,
            "nodeSelector": nodes,
            "resources": _resources(cpu="100m", memory="512Mi"),
            "serviceMonitor": {"labels": SELECTED["matchLabels"]},
            # The test pod and the volume's init container run as root, which `restricted` refuses.
            "testFramework": {"enabled": False},
            "initChownData": {"enabled": False},
            "sidecar": {"resources": _resources(cpu="50m", memory="128Mi")},
        },
        "prometheusOperator": {
            "priorityClassName": SYSTEM,
            "nodeSelector": nodes,
            "resources": _resources(cpu="100m", memory="256Mi"),
            "prometheusConfigReloader": {"resources": _resources(cpu="10m", memory="64Mi")},
            # Instead of jobs that make a certificate once and never renew it.
            "admissionWebhooks": {
                "certManager": {"enabled": True, "issuerRef": {"kind": "ClusterIssuer", "name": ISSUER}}
            },
            "kubeletService": {"enabled": cluster.node_agents},
        },
        # commonLabels does not reach the monitors of subcharts.
        "kube-state-metrics": {
            "priorityClassName": SYSTEM,
            "nodeSelector": nodes,
            "resources": _resources(cpu="50m", memory="256Mi"),
            "prometheus": {"monitor": {"additionalLabels": SELECTED["matchLabels"]}},
        },
        "nodeExporter": {"enabled": cluster.node_agents},
        "prometheus-node-exporter": {
            "namespaceOverride": ns.NODE_AGENTS if cluster.node_agents else "",
            # It has to get onto nodes that are full already.
            "priorityClassName": SYSTEM,
            "resources": _resources(cpu="50m", memory="64Mi"),
            "prometheus": {"monitor": {"additionalLabels": SELECTED["matchLabels"]}},
        },
        "kubelet": {"enabled": cluster.node_agents},
        "coreDns": {"enabled": cluster.node_agents},
        # A managed control plane shows no metrics of its parts: their targets would be down for ever.
        **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy")},
    }


RECEIVERS = {
    # Type: Alertmanager's list of such receivers, the field that names a file, and what the file is called.
    "webhook": ("webhook_configs", "url_file", "url"),
    "slack": ("slack_configs", "api_url_file", "url"),
    "pagerduty": ("pagerduty_configs", "routing_key_file", "key"),
}


def _notifications(receiver: Receiver | None) -> dict[str, Any]:
    """Values of Alertmanager: all alerts to the one receiver, but those that only tell that alerts work or calm others.
    Nothing where nobody is told: the chart's own receiver keeps silent.

    Source: Alertmanager, "Configuration".
    """
    if not receiver:
        return {}
    kind, field, entry = RECEIVERS[receiver.type]
    # Where the operator mounts a Secret that the spec names.
    file = f"/etc/alertmanager/secrets/{receiver.secret}/{entry}"
    return {
        "config": {
            "route": {
                "receiver": "people",
                "group_by": ["namespace", "alertname"],
                "routes": [{"receiver": "null", "matchers": ['severity = "none"']}],
            },
            "receivers": [{"name": "null"}, {"name": "people", kind: [{field: file, "send_resolved": True}]}],
        }
    }


def _prometheus_resources(monitoring: Monitoring) -> dict[str, dict[str, str]]:
    """The guide's figures; a basic Prometheus keeps three days of one small environment."""
    if monitoring.level == "basic":
        return _resources(cpu="200m", memory="1Gi")
    return {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}


def _resources(*, cpu: str, memory: str) -> dict[str, dict[str, str]]:
    """A CPU request without a limit, so that a burst is not throttled; memory is requested in full."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def _volume(size_gib: int, storage_class: str | None) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{size_gib}Gi"}},
    }
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"volumeClaimTemplate": {"spec": spec}}

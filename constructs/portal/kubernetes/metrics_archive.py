"""Metrics that stay: Prometheus's blocks in the object store, and Thanos to read them."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import Cluster, MetricsStore, ServiceAccount
from portal.kubernetes.installer import Installer
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import OwnChart
from portal.spec.versions import OperandImage
from portal.spec.workloads import Monitoring

CHART: Final = "metrics-archive"

SERVICE_ACCOUNT = ServiceAccount(namespace=ns.MONITORING, name="prometheus")
"""Of Prometheus, whose sidecars write the blocks; the archive's pods read and write them as the same."""

SIDECARS: Final = "prometheus-thanos-discovery"
"""The Service that kube-prometheus-stack makes in front of the sidecars, after its `fullnameOverride`."""

QUERY_ADDRESS: Final = f"http://{CHART}-query.{ns.MONITORING}:10902"

RAW_DAYS = 90
"""How long every sample stays; after that those of five minutes and of an hour do."""


def install_archive(install: Installer, *, after: Sequence[ITerraformDependable]) -> None:
    """Nothing where metrics do not stay. After Prometheus, which brings the service account."""
    layer, store = install.layer, install.services.metrics_store
    if not store:
        return
    install.release(
        "metrics-archive",
        chart=OwnChart(name=CHART),
        namespace=ns.MONITORING,
        values=values(
            store=store,
            monitoring=layer.monitoring,
            image=install.versions.images["thanos"],
            cluster=install.cluster,
            storage_class=install.storage_class,
        ),
        after=[*install.volumes_ready, *store.login.ready, *after],
    )


def values(
    *,
    store: MetricsStore,
    monitoring: Monitoring,
    image: OperandImage,
    cluster: Cluster,
    storage_class: str | None,
) -> dict[str, Any]:
    """Values of chart metrics-archive. The compactor's space holds two weeks of blocks and what it makes of them, which
    is less than what a Prometheus holds."""
    return {
        "image": image.reference,
        "objects": dict(store.objects),
        "serviceAccount": SERVICE_ACCOUNT.name,
        "podLabels": dict(store.login.pod_labels),
        "sidecars": SIDECARS,
        "replicas": 2,
        "retentionDays": {"raw": min(RAW_DAYS, monitoring.archive_days), "downsampled": monitoring.archive_days},
        "storage": {"size": f"{monitoring.storage_gib}Gi", "class": storage_class},
        "priorityClass": SYSTEM,
        "nodeSelector": cluster.nodes("system"),
    }


def prometheus_values(store: MetricsStore | None, image: OperandImage) -> dict[str, Any]:
    """Values of kube-prometheus-stack: each Prometheus gets a sidecar that carries its blocks away, and Grafana asks
    the archive, which knows what the servers still hold too. None where metrics do not stay."""
    if not store:
        return {}
    return {
        "prometheus": {
            "serviceAccount": {"annotations": dict(store.login.service_account_annotations)},
            "prometheusSpec": {
                "podMetadata": {"labels": dict(store.login.pod_labels)},
                "thanos": {
                    "image": image.reference,
                    # It makes a Secret of it, although there is no credential in it.
                    "objectStorageConfig": {"secret": dict(store.objects)},
                    "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
                },
            },
            "thanosService": {"enabled": True},
            "thanosServiceMonitor": {"enabled": True},
        },
        "grafana": {"sidecar": {"datasources": {"url": QUERY_ADDRESS}}},
    }

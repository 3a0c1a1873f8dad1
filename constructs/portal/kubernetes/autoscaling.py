"""Nodes that follow their pods, and pods that follow their work, where the cloud does not see to it by itself."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import restricted
from portal.kubernetes.contract import Cluster, NodeAutoscaler, ServiceAccount
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import SELECTED
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import ThirdPartyChart
from portal.spec.versions import OperandImage

NODES_CHART: Final = "cluster-autoscaler"
PODS_CHART: Final = "vpa"

SERVICE_ACCOUNT = ServiceAccount(namespace=ns.AUTOSCALING, name=NODES_CHART)


def install_node_autoscaler(install: Installer, *, after: Sequence[ITerraformDependable]) -> None:
    """Nothing where the cloud scales nodes by itself."""
    autoscaler = install.services.node_autoscaler
    if not autoscaler:
        return
    install.release(
        "node-autoscaler",
        chart=ThirdPartyChart(name=NODES_CHART),
        namespace=ns.AUTOSCALING,
        values=node_values(
            autoscaler=autoscaler,
            cluster=install.cluster,
            image=install.versions.images[NODES_CHART],
            highly_available=install.highly_available,
        ),
        after=[*autoscaler.ready, *after],
    )


def install_pod_autoscaler(
    install: Installer, *, after: Sequence[ITerraformDependable]
) -> tuple[ITerraformDependable, ...]:
    """The VerticalPodAutoscaler and its kinds; nothing where they are built in."""
    if install.cluster.vertical_autoscaler:
        return ()
    return (
        install.release(
            "pod-autoscaler",
            chart=ThirdPartyChart(name=PODS_CHART),
            namespace=ns.AUTOSCALING,
            values=pod_values(cluster=install.cluster, highly_available=install.highly_available),
            after=after,
        ),
    )


def node_values(
    *, autoscaler: NodeAutoscaler, cluster: Cluster, image: OperandImage, highly_available: bool
) -> dict[str, Any]:
    """Values of the cluster autoscaler's chart.

    `image`: of the cluster's minor version. Source: cluster-autoscaler, "Releases".
    """
    return {
        "cloudProvider": autoscaler.cloud_provider,
        "awsRegion": autoscaler.region,
        "autoDiscovery": {"clusterName": autoscaler.cluster_name},
        "image": {"repository": image.repository, "tag": image.tag},
        "replicaCount": 2 if highly_available else 1,
        "rbac": {"serviceAccount": {"name": SERVICE_ACCOUNT.name}},
        "extraArgs": {
            # The group whose machines fit the waiting pods best; groups of one kind stay even over the zones.
            "expander": "least-waste",
            "balance-similar-node-groups": True,
            # Nodes with operators on them may go too: operators move. So may those with scratch directories
            # (`emptyDir`): nearly every pod has one, and nobody's data lie there.
            "skip-nodes-with-system-pods": False,
            "skip-nodes-with-local-storage": False,
        },
        "nodeSelector": cluster.nodes("system"),
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": restricted.AS_NOBODY,
        "containerSecurityContext": restricted.CONTAINER,
        "serviceMonitor": {"enabled": True, "namespace": ns.MONITORING, "selector": SELECTED["matchLabels"]},
    }


def pod_values(*, cluster: Cluster, highly_available: bool) -> dict[str, Any]:
    """Values of the vertical pod autoscaler's chart.

    Its webhook sets the sizes of new pods, and lets them start as they are while it is down.
    """
    watched = {"podMonitor": {"enabled": True, "labels": SELECTED["matchLabels"]}}
    placed = {"nodeSelector": cluster.nodes("system")}
    tiny = {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}}
    small = {"resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}}}
    return {
        "priorityClassName": SYSTEM,
        "recommender": {
            **placed,
            **watched,
            "resources": {"requests": {"cpu": "50m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
        },
        "updater": {**placed, **watched, **small},
        "admissionController": {
            **placed,
            **small,
            "replicaCount": 2 if highly_available else 1,
            "podDisruptionBudget": {"maxUnavailable": 1} if highly_available else {},
            "certGen": {**placed, **tiny},
        },
        # Every cluster has its metrics server already.
        "metrics-server": {"enabled": False},
    }

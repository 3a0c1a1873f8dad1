"""PostgreSQL in the cluster: the CloudNativePG operator, and the portal's database."""

from typing import Any, Final

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import Cluster
from portal.kubernetes.monitoring import SELECTED
from portal.kubernetes.portal import BACKEND, DATABASE
from portal.spec.versions import OperandImage
from portal.spec.workloads import Database

OPERATOR_CHART: Final = "cloudnative-pg"
CHART: Final = DATABASE


def operator_values(*, cluster: Cluster, highly_available: bool) -> dict[str, Any]:
    """Values of the operator's chart. Its webhooks refuse every change while it is down, hence two where it matters."""
    return {
        "replicaCount": 2 if highly_available else 1,
        "nodeSelector": cluster.nodes("system"),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        "monitoring": {"podMonitorEnabled": True, "podMonitorAdditionalLabels": SELECTED["matchLabels"]},
        "config": {
            "data": {
                # Clients keep the authority that they started with, so it lasts for years and not for 90 days.
                "CERTIFICATE_DURATION": "1825",
                "EXPIRING_CHECK_THRESHOLD": "90",
            }
        },
    }


def cluster_values(
    *, database: Database, image: OperandImage, cluster: Cluster, storage_class: str | None
) -> dict[str, Any]:
    """Values of chart postgres-cluster. Source: guide, "PostgreSQL High Availability Setup"."""
    return {
        "instances": database.instances,
        "image": image.reference,
        "storage": {
            "size": f"{database.storage_gib}Gi",
            "walSize": f"{database.wal_storage_gib}Gi",
            "class": storage_class,
        },
        "resources": {"requests": database.requests.model_dump(), "limits": database.limits.model_dump()},
        "synchronous": database.instances > 1,
        "nodeSelector": cluster.nodes("memory-optimized"),
        "network": {
            "clients": [BACKEND],
            "operatorNamespace": ns.DATABASE_OPERATOR,
            "monitoringNamespace": ns.MONITORING,
            "dnsCidrs": list(traffic.RESOLVERS),
            "apiServer": {"cidrs": [traffic.EVERYWHERE], "ports": list(traffic.API_SERVER_PORTS)},
        },
    }

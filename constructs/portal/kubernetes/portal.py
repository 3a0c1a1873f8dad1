"""The portal's two applications."""

from typing import Any, Final

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import Cluster
from portal.kubernetes.priorities import APP
from portal.spec.workloads import PortalApps, Workload

CHART: Final = "portal"

BACKEND = "backstage-backend"
"""Label `app` of the backend's pods: the only client of the stores."""

DATABASE: Final = "postgres-cluster"
CACHE: Final = "redis-failover"
"""The releases of the stores, after which their Secrets, Services and pods are named."""


def values(*, apps: PortalApps, poolers: int, cluster: Cluster) -> dict[str, Any]:
    """Values of chart portal. Database and cache are those of charts postgres-cluster and redis-failover."""
    return {
        "domain": apps.domain,
        "frontend": _workload(apps.frontend),
        "backend": _workload(apps.backend),
        "database": {
            "host": f"{DATABASE}-pooler" if poolers else f"{DATABASE}-rw",
            "secret": f"{DATABASE}-app",
            "caSecret": f"{DATABASE}-ca",
            "cluster": DATABASE,
        },
        "cache": {
            "host": f"{CACHE}-master",
            "secret": {"name": CACHE, "key": "password"},
            "apps": [CACHE, f"{CACHE}-sentinel"],
        },
        # Nothing enters the cluster from outside yet: no namespace may reach the frontend.
        "network": {
            "frontendFrom": [],
            "monitoringNamespace": ns.MONITORING,
            "dnsCidrs": list(traffic.RESOLVERS),
            "backendToInternet": True,
        },
        "priorityClass": APP,
        "nodeSelector": cluster.nodes("application"),
    }


def _workload(workload: Workload) -> dict[str, Any]:
    return {
        "image": workload.image.reference,
        "replicas": workload.replicas.model_dump(),
        "resources": workload.resources.model_dump(),
    }

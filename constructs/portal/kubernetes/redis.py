"""Redis in the cluster: the operator, and the portal's cache with Sentinel."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import restricted, traffic
from portal.kubernetes.contract import Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.portal import BACKEND, CACHE
from portal.kubernetes.priorities import DATA, SYSTEM
from portal.kubernetes.release import OwnChart, ThirdPartyChart
from portal.spec.versions import OperandImage
from portal.spec.workloads import Cache

OPERATOR_CHART: Final = "redis-operator"
CHART: Final = CACHE


def install_operator(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """The operator, which brings the kinds of the cache."""
    return install.release(
        "cache-operator",
        chart=ThirdPartyChart(name=OPERATOR_CHART),
        namespace=ns.CACHE_OPERATOR,
        values=operator_values(
            cluster=install.cluster, mesh=install.layer.mesh, highly_available=install.highly_available
        ),
        after=after,
    )


def install_cache(install: Installer, *, after: Sequence[ITerraformDependable]) -> list[ITerraformDependable]:
    """The cache inside the cluster; nothing where all are outside. `after`: its password comes from the credentials."""
    if not install.services.cache_inside:
        return []
    release = install.release(
        "cache",
        chart=OwnChart(name=CHART),
        namespace=ns.PORTAL,
        values=failover_values(
            cache=install.layer.data.portal_cache,
            images=install.versions.images,
            cluster=install.cluster,
            storage_class=install.storage_class,
            mesh=install.layer.mesh,
            protected=install.layer.protected,
        ),
        after=[*install.volumes_ready, *after],
        holds_data=True,
    )
    return [release]


def operator_values(*, cluster: Cluster, mesh: bool, highly_available: bool) -> dict[str, Any]:
    """Values of the operator's chart, which by itself sets no security context."""
    return {
        "replicas": 2 if highly_available else 1,
        "priorityClassName": SYSTEM,
        "nodeSelector": cluster.nodes("system"),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        "podSecurityContext": restricted.POD,
        "securityContext": restricted.CONTAINER,
        # Both from the first day: the one cannot be switched on later in one step, and init containers that write the
        # configuration need the other.
        "redisOperator": {"podLabels": ns.MESH_MEMBER} if mesh else {},
        "featureGates": {"GenerateConfigInInitContainer": True, "AvoidCommandLinePassword": True},
    }


def failover_values(
    *,
    cache: Cache,
    images: Mapping[str, OperandImage],
    cluster: Cluster,
    storage_class: str | None,
    mesh: bool,
    protected: bool,
) -> dict[str, Any]:
    """Values of chart redis-failover. Source: guide, "Redis Cluster Configuration"."""
    return {
        "redis": {
            "replicas": cache.replicas,
            "image": images["redis"].reference,
            "resources": {"requests": cache.requests.model_dump(), "limits": cache.limits.model_dump()},
        },
        "sentinel": {
            "replicas": cache.sentinels,
            "image": images["redis-sentinel"].reference,
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "400m", "memory": "512Mi"},
            },
        },
        "exporter": {
            "image": images["redis-exporter"].reference,
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "100m", "memory": "128Mi"}},
        },
        "secret": {"name": CACHE, "key": "password"},
        "priorityClass": DATA,
        "storage": {"size": f"{cache.storage_gib}Gi", "class": storage_class, "keepAfterDelete": protected},
        "nodeSelector": cluster.nodes("memory-optimized"),
        "tolerations": cluster.tolerations("memory-optimized"),
        "mesh": mesh,
        "network": {
            "clients": [BACKEND],
            "operatorNamespace": ns.CACHE_OPERATOR,
            "monitoringNamespace": ns.MONITORING,
            "dnsCidrs": list(traffic.RESOLVERS),
        },
    }

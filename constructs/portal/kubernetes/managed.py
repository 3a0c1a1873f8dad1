"""Stores outside the cluster, seen from inside: rights in databases, passwords of caches, shared files."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import CloudServices, Cluster, ManagedCache, ManagedDatabase
from portal.kubernetes.installer import Installer
from portal.kubernetes.priorities import APP
from portal.kubernetes.release import OwnChart
from portal.kubernetes.security import STORE
from portal.spec.versions import OperandImage

CHART: Final = "managed-stores"


def install_managed_stores(install: Installer, *, after: Sequence[ITerraformDependable]) -> list[ITerraformDependable]:
    """Nothing where every store is inside the cluster. Their clients come after this: only then can they log in."""
    services = install.services
    stores: list[ManagedDatabase | ManagedCache] = [*services.databases.values(), *services.caches.values()]
    if not stores:
        return []
    release = install.release(
        "managed-stores",
        chart=OwnChart(name=CHART),
        namespace=ns.PORTAL,
        values=values(services=services, image=install.versions.images["postgresql"], cluster=install.cluster),
        after=[*after, *(each for store in stores for each in store.ready)],
    )
    return [release, *(services.portal_login.ready if services.portal_login else ())]


def values(*, services: CloudServices, image: OperandImage, cluster: Cluster) -> dict[str, Any]:
    """Values of chart managed-stores."""
    return {
        "store": STORE,
        "image": image.reference,
        "databases": [
            {
                "store": name,
                "host": database.host,
                "port": database.port,
                "name": database.database,
                "user": database.user,
                "grants": list(database.grants),
                "administrator": database.administrator,
                "authority": database.authority,
                "cidrs": list(database.cidrs),
            }
            for name, database in services.databases.items()
        ],
        "caches": [{"store": name, "secret": cache.secret} for name, cache in services.caches.items()],
        "network": {"dnsCidrs": list(traffic.RESOLVERS)},
        "priorityClass": APP,
        "nodeSelector": cluster.nodes("application"),
    }

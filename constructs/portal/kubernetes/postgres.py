"""PostgreSQL in the cluster: the CloudNativePG operator, and the portal's database."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import BackupStore, Cluster, ServiceAccount
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import SELECTED
from portal.kubernetes.portal import BACKEND, BACKSTAGE_DATABASE, DATABASE
from portal.kubernetes.priorities import DATA, SYSTEM
from portal.kubernetes.release import OwnChart, ThirdPartyChart
from portal.spec.versions import OperandImage
from portal.spec.workloads import DATABASES, Backup, Database

NIGHTLY = "0 0 2 * * *"
"""The guide's time of backups, with the field for seconds in front that CloudNativePG wants."""

SERVER_CONNECTIONS = 150
"""Of PostgreSQL's 200: what all poolers may open together. The rest is for replication, backups and people."""

OPERATOR_CHART: Final = "cloudnative-pg"
PLUGIN_CHART: Final = "plugin-barman-cloud"
CHART: Final = DATABASE

SERVICE_ACCOUNT = ServiceAccount(namespace=ns.PORTAL, name=CHART)
"""What the operator runs the instances as: it names the account after the cluster."""


def install_operator(
    install: Installer, *, certificates: ITerraformDependable, after: Sequence[ITerraformDependable]
) -> list[ITerraformDependable]:
    """The operator, and beside it, where it finds it, the backup plugin: a database that names the plugin waits for
    it."""
    operator = install.release(
        "database-operator",
        chart=ThirdPartyChart(name=OPERATOR_CHART),
        namespace=ns.DATABASE_OPERATOR,
        values=operator_values(cluster=install.cluster, highly_available=install.highly_available),
        after=after,
    )
    if not install.services.database_backups:
        return [operator]
    plugin = install.release(
        "database-backup-plugin",
        chart=ThirdPartyChart(name=PLUGIN_CHART),
        namespace=ns.DATABASE_OPERATOR,
        values=plugin_values(cluster=install.cluster),
        after=[operator, certificates],
    )
    return [operator, plugin]


def install_database(install: Installer, *, after: Sequence[ITerraformDependable]) -> list[ITerraformDependable]:
    """The databases inside the cluster, on one server; nothing where all are outside."""
    layer, store = install.layer, install.services.database_backups
    inside = [name for name in DATABASES if name not in install.services.databases]
    if not inside:
        return []
    release = install.release(
        "database",
        chart=OwnChart(name=CHART),
        namespace=ns.PORTAL,
        values=cluster_values(
            database=layer.data.portal_db,
            backup=layer.backup,
            store=store,
            image=install.versions.images["postgresql"],
            cluster=install.cluster,
            storage_class=install.storage_class,
            further=[BACKSTAGE_DATABASE] if "backstage-db" in inside else [],
        ),
        after=[*install.volumes_ready, *after, *(store.login.ready if store else ())],
        holds_data=True,
    )
    return [release]


def operator_values(*, cluster: Cluster, highly_available: bool) -> dict[str, Any]:
    """Values of the operator's chart. Its webhooks refuse every change while it is down, hence two where it matters."""
    return {
        "replicaCount": 2 if highly_available else 1,
        "priorityClassName": SYSTEM,
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


def plugin_values(*, cluster: Cluster) -> dict[str, Any]:
    """Values of the plugin that carries base backups and the write-ahead log to the object store. One replica: it
    replaces itself by Recreate, and instances go on without it for a while."""
    return {
        "priorityClassName": SYSTEM,
        "nodeSelector": cluster.nodes("system"),
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
    }


def cluster_values(
    *,
    database: Database,
    backup: Backup,
    store: BackupStore | None,
    image: OperandImage,
    cluster: Cluster,
    storage_class: str | None,
    further: Sequence[str],
) -> dict[str, Any]:
    """Values of chart postgres-cluster. `further`: databases beside the portal's.

    Source: guide, "PostgreSQL High Availability Setup".
    """
    return {
        "backup": store and _backup(database, backup, store, cluster),
        "recovery": database.recovery
        and {"server": database.recovery.archive, "targetTime": database.recovery.target_time},
        "pooler": {"instances": database.poolers, "serverConnections": SERVER_CONNECTIONS // database.poolers}
        if database.poolers
        else None,
        "databases": list(further),
        "instances": database.instances,
        "image": image.reference,
        "storage": {
            "size": f"{database.storage_gib}Gi",
            "walSize": f"{database.wal_storage_gib}Gi",
            "class": storage_class,
        },
        "resources": {"requests": database.requests.model_dump(), "limits": database.limits.model_dump()},
        "synchronous": database.instances > 1,
        "priorityClass": DATA,
        "nodeSelector": cluster.nodes("memory-optimized"),
        "tolerations": cluster.tolerations("memory-optimized"),
        "network": {
            "clients": [BACKEND],
            "operatorNamespace": ns.DATABASE_OPERATOR,
            "monitoringNamespace": ns.MONITORING,
            "dnsCidrs": list(traffic.RESOLVERS),
            "apiServer": {"cidrs": [traffic.EVERYWHERE], "ports": list(traffic.API_SERVER_PORTS)},
        },
    }


def _backup(database: Database, backup: Backup, store: BackupStore, cluster: Cluster) -> dict[str, Any]:
    """A base backup each night, and the write-ahead log as it is written.

    The log also at level `daily`: a base backup without the log of the hours in which it was made cannot be restored.
    """
    return {
        "destination": f"{store.destination}postgres",
        "credentials": dict(store.credentials),
        "server": database.archive,
        "retentionDays": backup.retention_days,
        "schedule": NIGHTLY,
        "serviceAccountAnnotations": dict(store.login.service_account_annotations),
        "podLabels": dict(store.login.pod_labels),
        "identityEndpoints": [{"cidr": cidr, "port": port} for cidr, port in cluster.identity_endpoints],
    }

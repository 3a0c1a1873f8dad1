"""The stores of one environment that are services: databases and caches, and who may use them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from constructs import Construct

from portal.aws.cache import Cache
from portal.aws.database import Database
from portal.aws.functions import Functions
from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.aws.keys import Keys
from portal.aws.monitoring import Alarm
from portal.aws.network import Network
from portal.aws.rotation import rotates_cache, rotates_database
from portal.kubernetes.contract import CloudLogin, ManagedCache, ManagedDatabase, ServiceAccount
from portal.naming import Kind, Naming
from portal.spec.environment import Environment
from portal.spec.versions import AwsServices
from portal.spec.workloads import CacheName, DatabaseName

NAMES: Mapping[DatabaseName, str] = {"portal-db": "idp_portal", "backstage-db": "backstage"}
"""Of each store's database, as inside the cluster."""

LONGEST_RETENTION_DAYS = 35
"""Of RDS. Source: RDS user guide, "Backup retention period"."""


class ManagedStores(Construct):
    """Every store that the environment places outside the cluster. None of them: nothing is made.

    `user`: whose pods log in by their identity. `statements`: what else it may do, since it can have one role only.

    Source: guide, "AWS Architecture", RDS, ElastiCache.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        members_group_id: str,
        cluster_name: str,
        keys: Keys,
        functions: Functions,
        environment: Environment,
        versions: AwsServices,
        user: ServiceAccount,
        statements: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(scope, id)
        cloud = environment.clouds.aws
        self.alarms: list[Alarm] = []
        self.databases: dict[DatabaseName, Database] = {}
        self.database_contracts: dict[DatabaseName, ManagedDatabase] = {}
        for database_name in environment.managed_databases(cloud):
            database = Database(
                self,
                database_name,
                store=database_name,
                database=NAMES[database_name],
                naming=naming,
                network=network,
                members_group_id=members_group_id,
                keys=keys,
                cloud=cloud,
                size=environment.managed.databases,
                version=versions.postgresql,
                # At least a day: readers and restores to a moment need it.
                retention_days=min(max(environment.backup.retention_days, 1), LONGEST_RETENTION_DAYS),
                backed_up=environment.backup.made,
                protected=environment.protected,
            )
            self.databases[database_name] = database
            self.alarms += database.alarms
            self.database_contracts[database_name] = database.contract
            if database.administrator:
                rotation = rotates_database(
                    self,
                    f"{database_name}-rotation",
                    shared=functions,
                    database=database,
                    secret=database.administrator,
                    store=database_name,
                )
                self.alarms.append(rotation.alarm)
                self.database_contracts[database_name] = replace(
                    database.contract, ready=(*database.contract.ready, rotation.begun)
                )
        self.cache_contracts: dict[CacheName, ManagedCache] = {}
        for cache_name in environment.managed_caches(cloud):
            cache = Cache(
                self,
                cache_name,
                store=cache_name,
                naming=naming,
                network=network,
                members_group_id=members_group_id,
                keys=keys,
                cloud=cloud,
                size=environment.managed.caches,
                version=versions.valkey,
                backed_up=environment.backup.made,
                protected=environment.protected,
            )
            rotation = rotates_cache(self, f"{cache_name}-rotation", shared=functions, cache=cache, store=cache_name)
            self.alarms += [rotation.alarm, *cache.alarms]
            self.cache_contracts[cache_name] = replace(cache.contract, ready=(*cache.contract.ready, rotation.begun))
        self.login: CloudLogin | None = None
        rights = [*(database.may_connect(cloud) for database in self.databases.values()), *statements]
        if rights:
            role = ServiceRole(
                self,
                "client",
                name=naming.name(Kind.AWS_NAME, "database-client"),
                service=POD_IDENTITY,
                statements=rights,
            )
            self.login = CloudLogin(ready=(given_to(self, "user", role=role, cluster_name=cluster_name, user=user),))

    @property
    def secrets(self) -> tuple[str, ...]:
        """ARNs of secrets that RDS names itself."""
        return tuple(
            database.contract.administrator for database in self.databases.values() if not database.administrator
        )

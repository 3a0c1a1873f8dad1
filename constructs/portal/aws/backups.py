"""The backups of one environment: where they lie, their copies, and who looks whether they are new."""

from constructs import Construct

from portal.aws import storage
from portal.aws.copies import Copied
from portal.aws.freshness import BackupVerifier
from portal.aws.functions import Functions
from portal.aws.keys import Keys
from portal.aws.monitoring import Alarm, of_backups, of_function
from portal.aws.storage import LogBucket, PodBucket
from portal.aws.stores import ManagedStores
from portal.functions.freshness import Backup
from portal.kubernetes import backup, postgres
from portal.kubernetes.contract import ServiceAccount
from portal.naming import Naming
from portal.spec.environment import Environment
from portal.spec.workloads import DATABASES, NIGHTLY_MAX_AGE_HOURS

LOG_HOURS = 1
"""PostgreSQL closes a segment of its log every five minutes, full or not."""


class Backups(Construct):
    """A bucket for what CloudNativePG writes, one for what Velero writes, both copied where there is a second region.

    Source: guide, "Backup Strategy".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        environment: Environment,
        cluster_name: str,
        keys: Keys,
        functions: Functions,
        stores: ManagedStores,
        log: LogBucket | None,
    ) -> None:
        super().__init__(scope, id)
        cloud = environment.clouds.aws

        def bucket(purpose: str, user: ServiceAccount) -> PodBucket:
            made = PodBucket(
                scope,
                purpose,
                purpose=purpose,
                naming=naming,
                account=cloud.account,
                cluster_name=cluster_name,
                user=user,
                log=log,
                protected=environment.protected,
            )
            if cloud.data.second_region and keys.copies:
                Copied(
                    scope,
                    f"{purpose}-copy",
                    source=made,
                    purpose=purpose,
                    naming=naming,
                    region=cloud.data.second_region,
                    key=keys.copies,
                    retention_days=environment.backup.retention_days,
                    protected=environment.protected,
                )
            return made

        databases = bucket("database-backups", postgres.SERVICE_ACCOUNT)
        objects = bucket("cluster-backups", backup.SERVICE_ACCOUNT)
        self.of_database = storage.database_backups(databases)
        self.of_cluster = storage.cluster_backups(objects, region=cloud.region)
        verifier = BackupVerifier(
            self,
            "verifier",
            shared=functions,
            environment=environment.tier,
            backups=[
                *(in_cluster(databases.name, environment) if runs_inside(environment) else ()),
                *objects_of_cluster(objects.name, environment),
                *(
                    Backup(name=store, place=database.name, prefix=None, marker="", longest_hours=LOG_HOURS)
                    for store, database in stores.databases.items()
                ),
            ],
            buckets=[databases, objects],
            databases=[database.primary.arn for database in stores.databases.values()],
        )
        self.alarms: list[Alarm] = [of_backups(environment.tier), of_function("backup-verifier", verifier.name)]


def runs_inside(environment: Environment) -> bool:
    """Does any database run inside the cluster?"""
    return len(environment.managed_databases(environment.clouds.aws)) < len(DATABASES)


def in_cluster(bucket: str, environment: Environment) -> list[Backup]:
    """What CloudNativePG's plugin writes: a folder for each base backup, and the log. Source: Barman manual, layout."""
    folder = f"postgres/{environment.data.portal_db.archive}"
    return [
        Backup(
            name="base backup",
            place=bucket,
            prefix=f"{folder}/base/",
            # Written last.
            marker="/backup.info",
            longest_hours=NIGHTLY_MAX_AGE_HOURS,
        ),
        Backup(name="write-ahead log", place=bucket, prefix=f"{folder}/wals/", marker="", longest_hours=LOG_HOURS),
    ]


def objects_of_cluster(bucket: str, environment: Environment) -> list[Backup]:
    """What Velero writes: a folder for each backup, whose description comes last."""
    return [
        Backup(
            name=schedule,
            place=bucket,
            prefix=f"backups/{schedule}-",
            marker="/velero-backup.json",
            longest_hours=hours,
        )
        for schedule, hours in backup.longest_gap_hours(environment.backup).items()
    ]

"""PostgreSQL as a service: RDS."""

from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.db_instance import DbInstance
from cdktf_cdktf_provider_aws.db_instance_automated_backups_replication import DbInstanceAutomatedBackupsReplication
from cdktf_cdktf_provider_aws.db_parameter_group import DbParameterGroup, DbParameterGroupParameter
from cdktf_cdktf_provider_aws.db_subnet_group import DbSubnetGroup
from constructs import Construct

from portal.authorities import authority_file
from portal.aws.identity import ServiceRole
from portal.aws.keys import Keys
from portal.aws.logs import LATE_SECONDS, LogGroup
from portal.aws.monitoring import of_database, of_reader
from portal.aws.network import Network
from portal.aws.random import random_suffix, unseen_password
from portal.aws.reach import ReachedByNodes
from portal.aws.secrets import StoredSecret
from portal.kubernetes import contract
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws
from portal.spec.workloads import ManagedDatabases

PORT = 5432
ADMINISTRATOR = "portal_admin"
PASSWORD_REVISION = 1
"""Of the administrator's first password: the database and the store of secrets take a new one when it grows."""

LOGS = ("postgresql", "upgrade")
INSIGHTS_DAYS = {"standard": 7, "advanced": 465}

PARAMETERS = {
    "rds.force_ssl": "1",
    # The guide's `all` would write the values of every statement, passwords included, into the log.
    "log_statement": "ddl",
    "log_min_duration_statement": "1000",
}
STATIC_PARAMETERS = {"shared_preload_libraries": "pg_stat_statements"}
"""Only a restart takes them up."""


class Database(Construct):
    """One PostgreSQL instance that the nodes alone reach, over TLS, with a standby in another zone.

    With readers, or a copy of its backups in a second region, RDS cannot manage the administrator's password: it is
    then ours, write-only, and a function changes it (`rotated`). Applications log in by IAM, without any password.
    `backed_up`: a destroy leaves a last snapshot and what was backed up before. `whole`: the instance, its readers and
    the copy, each of which RDS makes only while nobody changes the instance.

    Source: guide, "AWS Architecture", RDS; RDS user guide, "Password management with Amazon RDS", limitations.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        store: str,
        database: str,
        naming: Naming,
        network: Network,
        members_group_id: str,
        keys: Keys,
        cloud: Aws,
        size: ManagedDatabases,
        version: str,
        retention_days: int,
        backed_up: bool,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_NAME, store)
        self.name = name
        self.database = database
        reach = ReachedByNodes(
            self, "reach", name=name, vpc_id=network.vpc_id, members_group_id=members_group_id, port=PORT
        )
        subnets = DbSubnetGroup(self, "subnets", name=name, subnet_ids=list(network.data_subnet_ids.values()))
        parameters = DbParameterGroup(
            self,
            "parameters",
            # Another family needs another group before the old one goes.
            name_prefix=f"{name}-",
            family=f"postgres{version}",
            parameter=[
                *(DbParameterGroupParameter(name=key, value=value) for key, value in PARAMETERS.items()),
                *(
                    DbParameterGroupParameter(name=key, value=value, apply_method="pending-reboot")
                    for key, value in STATIC_PARAMETERS.items()
                ),
            ],
            lifecycle={"create_before_destroy": True},
        )
        readers = {f"reader-{number}": f"{name}-reader-{number}" for number in range(1, size.readers + 1)}
        logs = {
            instance: [
                ready
                for log in LOGS
                for ready in LogGroup(
                    self,
                    f"{prefix}{log}-log",
                    name=f"/aws/rds/instance/{instance}/{log}",
                    key=keys.logs,
                    retention_days=cloud.cluster.log_retention_days,
                    late_seconds=LATE_SECONDS,
                ).before_writers
            ]
            for prefix, instance in {"": name, **{f"{id}-": reader for id, reader in readers.items()}}.items()
        }
        watcher = ServiceRole(
            self,
            "watcher",
            name=naming.name(Kind.AWS_NAME, store, "watcher"),
            service="monitoring.rds.amazonaws.com",
            managed=["service-role/AmazonRDSEnhancedMonitoringRole"],
        )
        shared: dict[str, Any] = {
            "instance_class": cloud.data.database_class,
            "storage_type": "gp3",
            "storage_encrypted": True,
            "max_allocated_storage": size.storage_gib * 4,
            "parameter_group_name": parameters.name,
            "vpc_security_group_ids": [reach.id],
            "publicly_accessible": False,
            "iam_database_authentication_enabled": True,
            "ca_cert_identifier": "rds-ca-rsa2048-g1",
            "auto_minor_version_upgrade": True,
            "copy_tags_to_snapshot": True,
            "enabled_cloudwatch_logs_exports": list(LOGS),
            "monitoring_interval": 60,
            "monitoring_role_arn": watcher.arn,
            "database_insights_mode": size.insights,
            "performance_insights_enabled": True,
            "performance_insights_kms_key_id": keys.data.arn,
            "performance_insights_retention_period": INSIGHTS_DAYS[size.insights],
        }
        copied = keys.copies if cloud.data.second_region else None
        managed = size.readers == 0 and not copied
        login: dict[str, Any]
        if managed:
            login = {"manage_master_user_password": True, "master_user_secret_kms_key_id": keys.data.arn}
            self.administrator: StoredSecret | None = None
        else:
            password = unseen_password(self, store)
            self.administrator = StoredSecret(
                self,
                "administrator",
                name=naming.name(Kind.AWS_NAME, store, "administrator"),
                account=cloud.account,
                key=keys.data,
                copy=(cloud.data.second_region, keys.copies) if cloud.data.second_region and keys.copies else None,
                first_value={"username": ADMINISTRATOR, "password": password},
                revision=PASSWORD_REVISION,
                protected=protected,
            )
            login = {"password_wo": password, "password_wo_version": PASSWORD_REVISION}
        primary = DbInstance(
            self,
            "Default",
            identifier=name,
            engine="postgres",
            engine_version=version,
            db_name=database,
            username=ADMINISTRATOR,
            allocated_storage=size.storage_gib,
            kms_key_id=keys.data.arn,
            deletion_protection=protected,
            lifecycle={"prevent_destroy": protected},
            multi_az=size.highly_available,
            db_subnet_group_name=subnets.name,
            backup_retention_period=retention_days,
            # Before the night's base backups inside the cluster, and never at the same time as maintenance.
            backup_window="00:30-01:30",
            maintenance_window="sun:03:30-sun:04:30",
            # Not by `protected`: nothing protected is ever destroyed.
            delete_automated_backups=not backed_up,
            skip_final_snapshot=not backed_up,
            # A fixed name would collide with the snapshot of the destroy before.
            final_snapshot_identifier=f"{name}-last-{random_suffix(self, 'last-snapshot')}" if backed_up else None,
            depends_on=[*logs[name], *watcher.granted],
            **login,
            **shared,
        )
        self.primary = primary
        administrator_secret: str = (
            self.administrator.arn if self.administrator else primary.master_user_secret.get(0).secret_arn
        )
        self.alarms = of_database(store, name, storage_gib=size.storage_gib)
        self.whole: list[ITerraformDependable] = [primary]
        for id_of_reader, instance in readers.items():
            reader = DbInstance(
                self,
                id_of_reader,
                identifier=instance,
                # In the same region it has its source's key, and RDS refuses to be told.
                replicate_source_db=primary.identifier,
                # What is lost with a reader is on the primary, so nothing protects it.
                skip_final_snapshot=True,
                # One after another: RDS makes none of an instance that is being changed.
                depends_on=[*logs[instance], *self.whole],
                **shared,
            )
            self.whole.append(reader)
            self.alarms.append(of_reader(f"{store}-{id_of_reader}", reader.identifier))
        if copied:
            self.whole.append(
                DbInstanceAutomatedBackupsReplication(
                    self,
                    "copy",
                    region=cloud.data.second_region,
                    source_db_instance_arn=primary.arn,
                    kms_key_id=copied.arn,
                    retention_period=retention_days,
                    depends_on=list(self.whole),
                )
            )
        self.contract = contract.ManagedDatabase(
            host=primary.address,
            port=PORT,
            database=database,
            user=database,
            login={"type": "rds", "region": cloud.region},
            authority=authority_file(cloud.region).read_text(encoding="utf-8"),
            cidrs=network.data_cidrs,
            administrator=administrator_secret,
            grants=("rds_iam",),
            ready=(reach.open,),
        )

    def may_connect(self, cloud: Aws) -> dict[str, Any]:
        """The right to log in as the application's user.

        Source: RDS user guide, "Creating and using an IAM policy for IAM database access".
        """
        user = f"arn:aws:rds-db:{cloud.region}:{cloud.account}:dbuser:{self.primary.resource_id}/{self.database}"
        return {"Effect": "Allow", "Action": "rds-db:connect", "Resource": user}

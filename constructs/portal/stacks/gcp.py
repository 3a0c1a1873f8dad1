"""One tier on Google Cloud, whole: the table of contents of such an environment."""

from dataclasses import replace

from cdktf_cdktf_provider_google.provider import GoogleProvider
from constructs import Construct

from portal import backends
from portal.gcp import storage
from portal.gcp.cluster import Cluster
from portal.gcp.ingress import gateway_ingress
from portal.gcp.keys import Keys
from portal.gcp.logs import Logs
from portal.gcp.mesh import ManagedMesh
from portal.gcp.network import Network
from portal.gcp.secrets import SecretReader
from portal.gcp.services import Services
from portal.kubernetes import backup, metrics_archive, postgres, security
from portal.kubernetes.contract import CloudServices, ServiceAccount
from portal.kubernetes.platform import Platform
from portal.naming import Naming
from portal.spec.environment import Environment
from portal.spec.versions import Versions
from portal.stacks.base import PortalStack
from portal.tagging import tags


class GcpEnvironment(PortalStack):
    """An environment on Google Cloud, in a project of its own. Depends on no other stack."""

    def __init__(self, scope: Construct, id: str, *, environment: Environment, versions: Versions) -> None:
        super().__init__(scope, id)
        cloud = environment.clouds.gcp
        naming = Naming(scope=environment.tier, owner=cloud.project)
        labels = tags(stack=id, layer=environment)
        backends.gcs(self, name=id, cloud=cloud)
        google = GoogleProvider(self, "google", project=cloud.project, region=cloud.region)
        # As an argument, cdktf would write the hyphens of its keys as underscores.
        google.add_override("default_labels", labels)

        services = Services(self, "services")
        keys = Keys(
            self,
            "keys",
            naming=naming,
            project=cloud.project,
            region=cloud.region,
            protected=environment.protected,
            after=services.enabled,
        )
        logs = Logs(
            self,
            "logs",
            project=cloud.project,
            retention_days=cloud.cluster.log_retention_days,
            after=services.enabled,
        )
        network = Network(self, "network", naming=naming, cloud=cloud, after=services.enabled)
        cluster = Cluster(
            self,
            "cluster",
            naming=naming,
            network=network,
            keys=keys,
            logs=logs,
            cloud=cloud,
            kubernetes_version=versions.kubernetes.version,
            protected=environment.protected,
            after=services.enabled,
        )

        def bucket(purpose: str, user: ServiceAccount) -> storage.PodBucket:
            return storage.PodBucket(
                self,
                purpose,
                purpose=purpose,
                naming=naming,
                project=cloud.project,
                region=cloud.region,
                keys=keys,
                user=user,
                protected=environment.protected,
                after=cluster.contract.ready,
            )

        database_backups, cluster_backups, metrics_store = None, None, None
        if environment.backup.made:
            database_backups = storage.database_backups(bucket("database-backups", postgres.SERVICE_ACCOUNT))
            cluster_backups = storage.cluster_backups(bucket("cluster-backups", backup.SERVICE_ACCOUNT))
        if environment.monitoring.archive_days:
            metrics_store = storage.metrics(bucket("metrics", metrics_archive.SERVICE_ACCOUNT))
        secret_reader = SecretReader(
            self,
            "secret-reader",
            naming=naming,
            project=cloud.project,
            project_number=keys.project_number,
            user=security.SECRETS_SERVICE_ACCOUNT,
            after=cluster.contract.ready,
        )
        provided_mesh = None
        if environment.mesh:
            provided_mesh = ManagedMesh(
                self,
                "mesh",
                cluster_name=cluster.contract.name,
                cluster_id=cluster.id,
                region=cloud.region,
                after=cluster.contract.ready,
            ).contract
        Platform(
            self,
            "platform",
            cluster=replace(cluster.contract, provided_mesh=provided_mesh),
            services=CloudServices(
                volumes=cluster.volumes,
                database_backups=database_backups,
                cluster_backups=cluster_backups,
                node_autoscaler=None,
                secret_store=secret_reader.store,
                metrics_store=metrics_store,
                ingress=gateway_ingress(naming) if environment.mesh else None,
                target_controller=None,
            ),
            layer=environment,
            versions=versions,
            labels=labels,
        )

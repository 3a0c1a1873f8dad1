"""One tier on Azure, whole: the table of contents of such an environment."""

from cdktf_cdktf_provider_azurerm.provider import (
    AzurermProvider,
    AzurermProviderFeatures,
    AzurermProviderFeaturesLogAnalyticsWorkspace,
)
from constructs import Construct

from portal import backends
from portal.azure import storage
from portal.azure.cluster import Cluster
from portal.azure.group import Group
from portal.azure.ingress import gateway_ingress
from portal.azure.keys import Keys
from portal.azure.logs import Workspace
from portal.azure.network import Network
from portal.azure.secrets import Secrets
from portal.kubernetes import backup, metrics_archive, postgres, security
from portal.kubernetes.contract import CloudServices, ServiceAccount
from portal.kubernetes.platform import Platform
from portal.naming import Kind, Naming
from portal.spec.environment import Environment
from portal.spec.versions import Versions
from portal.stacks.base import PortalStack
from portal.tagging import tags

RESOURCE_PROVIDERS = (
    "Microsoft.Compute",
    "Microsoft.ContainerService",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Storage",
    "microsoft.insights",
)
"""What the stack uses, AKS on its behalf included. Spelled as Azure spells them."""


class AzureEnvironment(PortalStack):
    """An environment on Azure. Depends on no other stack."""

    def __init__(self, scope: Construct, id: str, *, environment: Environment, versions: Versions) -> None:
        super().__init__(scope, id)
        cloud = environment.clouds.azure
        naming = Naming(scope=environment.tier, owner=cloud.subscription)
        labels = tags(stack=id, layer=environment)
        backends.azurerm(self, name=id, cloud=cloud)
        AzurermProvider(
            self,
            "azurerm",
            subscription_id=cloud.subscription,
            tenant_id=cloud.tenant,
            storage_use_azuread=True,
            # The provider's own sets register some fifty services that nothing here uses.
            resource_provider_registrations="none",
            resource_providers_to_register=list(RESOURCE_PROVIDERS),
            features=[
                AzurermProviderFeatures(
                    log_analytics_workspace=[
                        AzurermProviderFeaturesLogAnalyticsWorkspace(
                            permanently_delete_on_destroy=not environment.protected
                        )
                    ]
                )
            ],
        )

        group = Group(
            self,
            "group",
            name=naming.name(Kind.AZURE_NAME),
            region=cloud.region,
            tags=labels,
            protected=environment.protected,
        )
        logs = Workspace(
            self,
            "logs",
            group=group,
            name=naming.name(Kind.AZURE_NAME),
            retention_days=cloud.cluster.log_retention_days,
        )
        keys = Keys(
            self,
            "keys",
            group=group,
            naming=naming,
            cloud=cloud,
            logs=logs,
            recoverable_days=cloud.vault_recoverable_days,
            protected=environment.protected,
        )
        network = Network(self, "network", group=group, naming=naming, cloud=cloud)
        cluster = Cluster(
            self,
            "cluster",
            group=group,
            naming=naming,
            network=network,
            keys=keys,
            logs=logs,
            cloud=cloud,
            groups=environment.nodes,
            kubernetes_version=versions.kubernetes.version,
            protected=environment.protected,
        )

        def container(purpose: str, short: str, user: ServiceAccount) -> storage.PodContainer:
            return storage.PodContainer(
                self,
                purpose,
                purpose=purpose,
                short=short,
                group=group,
                naming=naming,
                oidc_issuer_url=cluster.oidc_issuer_url,
                node_subnet_id=network.node_subnet_id,
                user=user,
                protected=environment.protected,
            )

        database_backups, cluster_backups, metrics_store = None, None, None
        if environment.backup.made:
            database_backups = storage.database_backups(container("database-backups", "db", postgres.SERVICE_ACCOUNT))
            cluster_backups = storage.cluster_backups(container("cluster-backups", "k8s", backup.SERVICE_ACCOUNT))
        if environment.monitoring.archive_days:
            metrics_store = storage.metrics(container("metrics", "metrics", metrics_archive.SERVICE_ACCOUNT))
        secrets = Secrets(
            self,
            "secrets",
            group=group,
            naming=naming,
            cloud=cloud,
            logs=logs,
            oidc_issuer_url=cluster.oidc_issuer_url,
            node_subnet_id=network.node_subnet_id,
            user=security.SECRETS_SERVICE_ACCOUNT,
            recoverable_days=cloud.vault_recoverable_days,
            protected=environment.protected,
        )
        Platform(
            self,
            "platform",
            cluster=cluster.contract,
            services=CloudServices(
                volumes=cluster.volumes,
                database_backups=database_backups,
                cluster_backups=cluster_backups,
                node_autoscaler=None,
                secret_store=secrets.store,
                metrics_store=metrics_store,
                ingress=gateway_ingress(cloud) if environment.mesh else None,
                target_controller=None,
            ),
            layer=environment,
            versions=versions,
            labels=labels,
        )

"""Object storage of one environment: where backups go, and metrics that stay."""

from cdktf_cdktf_provider_azurerm.storage_account import (
    StorageAccount,
    StorageAccountBlobProperties,
    StorageAccountBlobPropertiesContainerDeleteRetentionPolicy,
    StorageAccountBlobPropertiesDeleteRetentionPolicy,
    StorageAccountNetworkRules,
)
from cdktf_cdktf_provider_azurerm.storage_container import StorageContainer
from constructs import Construct

from portal.azure.group import Group
from portal.azure.identity import Identity, Role, pod_login
from portal.kubernetes.contract import (
    KEPT_AFTER_DELETION_DAYS,
    BackupStore,
    ClusterBackupStore,
    MetricsStore,
    ServiceAccount,
)
from portal.naming import Kind, Naming


class PrivateContainer(Construct):
    """A blob container in an account of its own that only Entra identities reach, from the nodes' subnet alone.

    Nothing expires by age: whoever writes also deletes, and what was deleted stays for two weeks. The account is
    zone-redundant. Losing it loses backups, so Terraform refuses to destroy it when `protected`.

    Source: guide, "Azure Architecture", Azure Storage; Azure Storage, "Security recommendations for Blob storage".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        account_name: str,
        container_name: str,
        reachable_from_subnet_id: str,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        account = StorageAccount(
            self,
            "account",
            resource_group_name=group.name,
            location=group.region,
            name=account_name,
            account_tier="Standard",
            account_replication_type="ZRS",
            min_tls_version="TLS1_2",
            shared_access_key_enabled=False,
            default_to_oauth_authentication=True,
            local_user_enabled=False,
            allow_nested_items_to_be_public=False,
            cross_tenant_replication_enabled=False,
            infrastructure_encryption_enabled=True,
            blob_properties=StorageAccountBlobProperties(
                versioning_enabled=True,
                delete_retention_policy=StorageAccountBlobPropertiesDeleteRetentionPolicy(
                    days=KEPT_AFTER_DELETION_DAYS
                ),
                container_delete_retention_policy=StorageAccountBlobPropertiesContainerDeleteRetentionPolicy(
                    days=KEPT_AFTER_DELETION_DAYS
                ),
            ),
            network_rules=StorageAccountNetworkRules(
                default_action="Deny", bypass=["None"], virtual_network_subnet_ids=[reachable_from_subnet_id]
            ),
            tags=group.tags,
            lifecycle={"prevent_destroy": protected},
        )
        # By the account's resource id, so that Terraform needs no way to the data itself.
        container = StorageContainer(
            self,
            "Default",
            name=container_name,
            storage_account_id=account.id,
            container_access_type="private",
            lifecycle={"prevent_destroy": protected},
        )
        self.address = f"https://{account_name}.blob.core.windows.net/{container_name}/"
        self.resource_id: str = container.id


class PodContainer(Construct):
    """A container in an account of its own, which the pods of one service account read and write by workload identity.

    `short`: the purpose in the account's name, which has little room.

    Source: AKS, "Microsoft Entra Workload ID".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        purpose: str,
        short: str,
        group: Group,
        naming: Naming,
        oidc_issuer_url: str,
        node_subnet_id: str,
        user: ServiceAccount,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        self.account_name = naming.name(Kind.AZURE_STORAGE, short)
        self.container_name = purpose
        container = PrivateContainer(
            self,
            "Default",
            group=group,
            account_name=self.account_name,
            container_name=purpose,
            reachable_from_subnet_id=node_subnet_id,
            protected=protected,
        )
        self.address = container.address
        identity = Identity(self, "writer", group=group, name=naming.name(Kind.AZURE_NAME, purpose))
        writes = Role(
            self,
            "writes",
            role="Storage Blob Data Contributor",
            resource_id=container.resource_id,
            principal_id=identity.principal_id,
            principal="ServicePrincipal",
        )
        self.login = pod_login(
            self, "user", group=group, identity=identity, oidc_issuer_url=oidc_issuer_url, user=user, roles=[writes]
        )


def database_backups(container: PodContainer) -> BackupStore:
    """The container as barman names it. Source: guide, "Backup Strategy"."""
    return BackupStore(
        destination=container.address,
        credentials={"azureCredentials": {"useDefaultAzureCredentials": True}},
        login=container.login,
    )


def cluster_backups(container: PodContainer) -> ClusterBackupStore:
    """The container as Velero names it. Told the address it need not look the account up, and with `useAAD` it asks for
    no key of it. Source: velero-plugin-for-microsoft-azure, "Backup Storage Location"."""
    return ClusterBackupStore(
        provider="azure",
        plugin="velero-azure",
        bucket=container.container_name,
        config={
            "storageAccount": container.account_name,
            "storageAccountURI": f"https://{container.account_name}.blob.core.windows.net",
            "useAAD": "true",
        },
        login=container.login,
    )


def metrics(container: PodContainer) -> MetricsStore:
    """The container as Thanos names it. Source: Thanos, "Object Storage & Data Format", Azure."""
    return MetricsStore(
        objects={
            "type": "AZURE",
            "config": {
                "storage_account": container.account_name,
                "container": container.container_name,
                "endpoint": "blob.core.windows.net",
                # It exists, and the identity may not make any.
                "storage_create_container": False,
            },
        },
        login=container.login,
    )

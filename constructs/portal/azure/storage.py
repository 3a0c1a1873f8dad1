"""Object storage of one environment: where the database's backups go."""

from cdktf_cdktf_provider_azurerm.federated_identity_credential import FederatedIdentityCredential
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
from portal.azure.identity import Identity, Role
from portal.kubernetes.contract import KEPT_AFTER_DELETION_DAYS, BackupStore, ServiceAccount
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
        self.account_id: str = account.id
        self.address = f"https://{account_name}.blob.core.windows.net/{container_name}/"
        self.resource_id: str = container.id


class DatabaseBackups(Construct):
    """The container of the database's backups, which the database's pods reach by their service account.

    Source: guide, "Backup Strategy"; AKS, "Microsoft Entra Workload ID".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        naming: Naming,
        oidc_issuer_url: str,
        node_subnet_id: str,
        user: ServiceAccount,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        container = PrivateContainer(
            self,
            "Default",
            group=group,
            account_name=naming.name(Kind.AZURE_STORAGE, "db"),
            container_name="database-backups",
            reachable_from_subnet_id=node_subnet_id,
            protected=protected,
        )
        identity = Identity(self, "writer", group=group, name=naming.name(Kind.AZURE_NAME, "database-backups"))
        credential = FederatedIdentityCredential(
            self,
            "user",
            resource_group_name=group.name,
            parent_id=identity.resource_id,
            name=user.name,
            issuer=oidc_issuer_url,
            subject=f"system:serviceaccount:{user.namespace}:{user.name}",
            audience=["api://AzureADTokenExchange"],
        )
        writes = Role(
            self,
            "writes",
            role="Storage Blob Data Contributor",
            resource_id=container.resource_id,
            principal_id=identity.principal_id,
            principal="ServicePrincipal",
        )
        self.store = BackupStore(
            destination=container.address,
            credentials={"azureCredentials": {"useDefaultAzureCredentials": True}},
            service_account_annotations={"azure.workload.identity/client-id": identity.client_id},
            pod_labels={"azure.workload.identity/use": "true"},
            # Entra is reached like the store itself, over port 443.
            identity_endpoints=(),
            ready=(credential, writes.granted),
        )

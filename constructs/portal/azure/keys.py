"""Encryption keys of one environment, each in a vault of its own."""

from collections.abc import Sequence
from ipaddress import IPv4Network

from cdktf_cdktf_provider_azurerm.disk_encryption_set import DiskEncryptionSet, DiskEncryptionSetIdentity
from cdktf_cdktf_provider_azurerm.key_vault import KeyVault, KeyVaultNetworkAcls
from cdktf_cdktf_provider_azurerm.key_vault_key import (
    KeyVaultKey,
    KeyVaultKeyRotationPolicy,
    KeyVaultKeyRotationPolicyAutomatic,
)
from constructs import Construct

from portal.azure.group import Group
from portal.azure.identity import Identity, Role
from portal.azure.logs import AuditLogs, Workspace
from portal.naming import Kind, Naming
from portal.spec.clouds import Azure


def vault(
    scope: Construct,
    id: str,
    *,
    group: Group,
    name: str,
    tenant: str,
    reachable_from: Sequence[IPv4Network] | None,
    reachable_from_subnet_ids: Sequence[str] = (),
    recoverable_days: int,
    protected: bool,
) -> KeyVault:
    """A vault that Entra roles guard, whose contents nobody can purge before `recoverable_days` have passed.

    `reachable_from`: the networks that reach it, beside subnets and Azure's trusted services; None: every network.
    """
    return KeyVault(
        scope,
        id,
        resource_group_name=group.name,
        location=group.region,
        name=name,
        sku_name="standard",
        tenant_id=tenant,
        rbac_authorization_enabled=True,
        purge_protection_enabled=True,
        soft_delete_retention_days=recoverable_days,
        public_network_access_enabled=True,
        network_acls=KeyVaultNetworkAcls(
            default_action="Allow" if reachable_from is None else "Deny",
            bypass="AzureServices",
            ip_rules=None if reachable_from is None else [str(cidr) for cidr in reachable_from],
            virtual_network_subnet_ids=list(reachable_from_subnet_ids) or None,
        ),
        tags=group.tags,
        lifecycle={"prevent_destroy": protected},
    )


class Key(Construct):
    """A key in a vault of its own, so that each purpose has the narrowest network rules and roles that work.

    Losing the key makes what it encrypts unreadable: nobody can purge it before `recoverable_days` have passed, and
    Terraform refuses to destroy it when `protected`. Every use of it is logged.

    `reachable_from`: the networks that reach the vault, beside Azure's trusted services; None: every network, so that
    Entra roles alone guard it. `operations`: what the key may do (JSON web key operations). `rotates`: a new version
    every year, for users that follow versions by themselves.

    Source: guide, "Azure Architecture", Key Vault; Key Vault, "Azure role-based access control", "Network security".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        name: str,
        cloud: Azure,
        reachable_from: Sequence[IPv4Network] | None,
        operations: Sequence[str],
        rotates: bool,
        logs: Workspace,
        recoverable_days: int,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        store = vault(
            self,
            "vault",
            group=group,
            name=name,
            tenant=cloud.tenant,
            reachable_from=reachable_from,
            recoverable_days=recoverable_days,
            protected=protected,
        )
        AuditLogs(self, "uses", resource_id=store.id, workspace=logs, categories=["AuditEvent"])
        administrators = Role(
            self,
            "administration",
            role="Key Vault Crypto Officer",
            resource_id=store.id,
            principal_id=cloud.cluster.admin_group,
            principal="Group",
        )
        key = KeyVaultKey(
            self,
            "Default",
            key_vault_id=store.id,
            name="key",
            key_type="RSA",
            key_size=3072,
            key_opts=list(operations),
            rotation_policy=KeyVaultKeyRotationPolicy(
                automatic=KeyVaultKeyRotationPolicyAutomatic(time_after_creation="P1Y")
            )
            if rotates
            else None,
            tags=group.tags,
            lifecycle={"prevent_destroy": protected},
            depends_on=[administrators.granted],
        )
        self.vault_id: str = store.id
        self.version_id: str = key.id
        """The newest version when Terraform last looked."""
        self.versionless_id: str = key.versionless_id


class Keys(Construct):
    """The keys of one environment: `cluster` (Kubernetes secrets) and `data` (disks).

    The cluster's vault is open to every network: the AKS control plane has no address of ours and is no trusted service
    there, so AKS supports no vault with a firewall unless its API server lives in our network. That key also does not
    rotate by itself: the control plane knows two versions at a time, and secrets that were not rewritten since the last
    but one would be lost.

    Source: AKS, "Add Key Management Service etcd encryption", "Limitations".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        naming: Naming,
        cloud: Azure,
        logs: Workspace,
        recoverable_days: int,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        self.cluster = Key(
            self,
            "cluster",
            group=group,
            name=naming.name(Kind.AZURE_VAULT, "cluster"),
            cloud=cloud,
            reachable_from=None,
            operations=["decrypt", "encrypt"],
            rotates=False,
            logs=logs,
            recoverable_days=recoverable_days,
            protected=protected,
        )
        self.data = Key(
            self,
            "data",
            group=group,
            name=naming.name(Kind.AZURE_VAULT, "data"),
            cloud=cloud,
            reachable_from=cloud.cluster.api_allowed_cidrs,
            operations=["unwrapKey", "wrapKey"],
            rotates=True,
            logs=logs,
            recoverable_days=recoverable_days,
            protected=protected,
        )


class DiskEncryption(Construct):
    """What disks name to be encrypted by `key`; it follows the key's versions.

    Source: Azure, "Server-side encryption of Azure Disk Storage", "Customer-managed keys".
    """

    def __init__(self, scope: Construct, id: str, *, group: Group, naming: Naming, key: Key, protected: bool) -> None:
        super().__init__(scope, id)
        identity = Identity(self, "identity", group=group, name=naming.name(Kind.AZURE_NAME, "disks"))
        use = Role(
            self,
            "key-use",
            role="Key Vault Crypto Service Encryption User",
            resource_id=key.vault_id,
            principal_id=identity.principal_id,
            principal="ServicePrincipal",
        )
        encryption = DiskEncryptionSet(
            self,
            "Default",
            resource_group_name=group.name,
            location=group.region,
            name=naming.name(Kind.AZURE_NAME, "disks"),
            key_vault_key_id=key.versionless_id,
            auto_key_rotation_enabled=True,
            encryption_type="EncryptionAtRestWithCustomerKey",
            identity=DiskEncryptionSetIdentity(type="UserAssigned", identity_ids=[identity.resource_id]),
            tags=group.tags,
            lifecycle={"prevent_destroy": protected},
            depends_on=[use.granted],
        )
        self.resource_id: str = encryption.id

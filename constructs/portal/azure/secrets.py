"""The environment's vault of secrets, and who reads it."""

from constructs import Construct

from portal.azure.group import Group
from portal.azure.identity import Identity, Role, pod_login
from portal.azure.keys import vault
from portal.azure.logs import AuditLogs, Workspace
from portal.kubernetes.contract import SecretStore, ServiceAccount
from portal.naming import Kind, Naming
from portal.spec.clouds import Azure


class Secrets(Construct):
    """A vault for the secrets of this environment alone: administrators write, one service account's pods read.

    The nodes reach it from their subnet, people from the networks that also reach the API server. Every use is logged.

    Source: guide, "Azure Architecture", Key Vault; external-secrets, "Azure Key Vault", workload identity.
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
        oidc_issuer_url: str,
        node_subnet_id: str,
        user: ServiceAccount,
        recoverable_days: int,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        store = vault(
            self,
            "vault",
            group=group,
            name=naming.name(Kind.AZURE_VAULT, "secrets"),
            tenant=cloud.tenant,
            reachable_from=cloud.cluster.api_allowed_cidrs,
            reachable_from_subnet_ids=[node_subnet_id],
            recoverable_days=recoverable_days,
            protected=protected,
        )
        AuditLogs(self, "uses", resource_id=store.id, workspace=logs, categories=["AuditEvent"])
        writes = Role(
            self,
            "administration",
            role="Key Vault Secrets Officer",
            resource_id=store.id,
            principal_id=cloud.cluster.admin_group,
            principal="Group",
        )
        identity = Identity(self, "reader", group=group, name=naming.name(Kind.AZURE_NAME, "secret-reader"))
        reads = Role(
            self,
            "reads",
            role="Key Vault Secrets User",
            resource_id=store.id,
            principal_id=identity.principal_id,
            principal="ServicePrincipal",
        )
        self.store = SecretStore(
            # No `serviceAccountRef`: the controller's own identity.
            provider={
                "azurekv": {"authType": "WorkloadIdentity", "tenantId": cloud.tenant, "vaultUrl": store.vault_uri}
            },
            prefix=f"{naming.name(Kind.AZURE_NAME)}-",
            login=pod_login(
                self,
                "user",
                group=group,
                identity=identity,
                oidc_issuer_url=oidc_issuer_url,
                user=user,
                roles=[reads, writes],
            ),
        )

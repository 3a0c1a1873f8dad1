"""Managed identities, and the roles that identities and people hold."""

from collections.abc import Sequence
from typing import Literal

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_azurerm.federated_identity_credential import FederatedIdentityCredential
from cdktf_cdktf_provider_azurerm.role_assignment import RoleAssignment
from cdktf_cdktf_provider_azurerm.user_assigned_identity import UserAssignedIdentity
from cdktf_cdktf_provider_time.sleep import Sleep
from constructs import Construct

from portal.azure.group import Group
from portal.kubernetes.contract import CloudLogin, ServiceAccount

ROLE_HOLDS_AFTER_SECONDS = 120


class Identity(Construct):
    """A user-assigned identity: it exists before its user, so that its roles can hold by then."""

    def __init__(self, scope: Construct, id: str, *, group: Group, name: str) -> None:
        super().__init__(scope, id)
        identity = UserAssignedIdentity(
            self, "Default", resource_group_name=group.name, location=group.region, name=name, tags=group.tags
        )
        self.resource_id: str = identity.id
        self.principal_id: str = identity.principal_id
        self.client_id: str = identity.client_id


class Role(Construct):
    """One built-in role of one principal on one resource, and the time that Azure takes to honour it.

    Whoever needs the role comes after `granted`, or it may start before it has it and lose it before it stops.

    Source: Azure RBAC, "Troubleshoot Azure RBAC", "Symptom - Role assignment changes are not being detected".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        role: str,
        resource_id: str,
        principal_id: str,
        principal: Literal["ServicePrincipal", "Group"],
        holds_after_seconds: int = ROLE_HOLDS_AFTER_SECONDS,
    ) -> None:
        super().__init__(scope, id)
        assignment = RoleAssignment(
            self,
            "Default",
            scope=resource_id,
            role_definition_name=role,
            principal_id=principal_id,
            # Azure looks up a principal whose type it is not told, and does not find one made a moment ago.
            principal_type=principal,
        )
        self.granted: ITerraformDependable = Sleep(
            self, "holds", create_duration=f"{holds_after_seconds}s", triggers={"assignment": assignment.id}
        )


def pod_login(
    scope: Construct,
    id: str,
    *,
    group: Group,
    identity: Identity,
    oidc_issuer_url: str,
    user: ServiceAccount,
    roles: Sequence[Role],
) -> CloudLogin:
    """Lets the pods of one service account act as `identity`, once it has its roles.

    They fetch its tokens from Entra, which is reached like everything else over port 443.

    Source: AKS, "Microsoft Entra Workload ID"; Entra Workload ID, "Labels and annotations".
    """
    credential = FederatedIdentityCredential(
        scope,
        id,
        resource_group_name=group.name,
        parent_id=identity.resource_id,
        name=user.name,
        issuer=oidc_issuer_url,
        subject=f"system:serviceaccount:{user.namespace}:{user.name}",
        audience=["api://AzureADTokenExchange"],
    )
    return CloudLogin(
        service_account_annotations={"azure.workload.identity/client-id": identity.client_id},
        pod_labels={"azure.workload.identity/use": "true"},
        ready=(credential, *(role.granted for role in roles)),
    )

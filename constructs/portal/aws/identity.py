"""IAM roles, each for one purpose and assumed by one service."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.eks_pod_identity_association import EksPodIdentityAssociation
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment
from constructs import Construct

from portal.aws.policies import policy_document
from portal.kubernetes.contract import ServiceAccount

POD_IDENTITY = "pods.eks.amazonaws.com"
"""The service that assumes a role for a pod. Source: EKS user guide, "EKS Pod Identity"."""


class ServiceRole(Construct):
    """A role that `service` assumes.

    `managed`: names of AWS's own policies. `statements`: further rights, each on named resources. `source_arn`: pattern
    of what the service must assume it for, where it could do so for somebody else's resources. Whoever uses the role
    depends on `granted`, or it may start before it has its rights, and lose them before it stops.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        service: str,
        managed: Sequence[str] = (),
        statements: Sequence[Mapping[str, Any]] = (),
        source_arn: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        role = IamRole(self, "Default", name=name, assume_role_policy=trust_policy(service, source_arn=source_arn))
        self.arn: str = role.arn
        self.name: str = role.name
        granted: list[ITerraformDependable] = [
            IamRolePolicyAttachment(
                self, policy.rpartition("/")[2].lower(), role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}"
            )
            for policy in managed
        ]
        if statements:
            policy = policy_document(statements)
            granted.append(IamRolePolicy(self, "rights", role=role.name, name="rights", policy=policy))
        self.granted: tuple[ITerraformDependable, ...] = tuple(granted)


def given_to(
    scope: Construct, id: str, *, role: ServiceRole, cluster_name: str, user: ServiceAccount
) -> EksPodIdentityAssociation:
    """Lets the pods of one service account assume a role that trusts `POD_IDENTITY`, once it has its rights."""
    return EksPodIdentityAssociation(
        scope,
        id,
        cluster_name=cluster_name,
        namespace=user.namespace,
        service_account=user.name,
        role_arn=role.arn,
        depends_on=list(role.granted),
    )


def trust_policy(service: str, *, source_arn: str | None = None) -> str:
    """Who may assume a role: `service` alone. Pod Identity also names the session's tags."""
    actions = ["sts:AssumeRole", "sts:TagSession"] if service == POD_IDENTITY else ["sts:AssumeRole"]
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}
    if source_arn:
        statement["Condition"] = {"ArnLike": {"aws:SourceArn": source_arn}}
    return policy_document([statement])

"""Who reads the environment's secrets in Secret Manager."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.project_iam_member import ProjectIamMember, ProjectIamMemberCondition
from constructs import Construct

from portal.gcp.identity import pods_of
from portal.kubernetes.contract import CloudLogin, SecretStore, ServiceAccount
from portal.naming import Kind, Naming


class SecretReader(Construct):
    """Lets one service account's pods read this environment's secrets: those whose names begin with its prefix.

    `after`: the cluster, whose making brings the project's workload identity pool.

    Source: guide, "GCP Architecture", Secret Manager; IAM, "Resource attributes for IAM Conditions";
    external-secrets, "Google Cloud Secret Manager".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        project: str,
        project_number: str,
        user: ServiceAccount,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        prefix = f"{naming.name(Kind.GCP_NAME)}-"
        reads = ProjectIamMember(
            self,
            "Default",
            project=project,
            role="roles/secretmanager.secretAccessor",
            member=pods_of(user, project=project, project_number=project_number),
            condition=ProjectIamMemberCondition(
                title=f"secrets of {prefix}",
                # IAM knows the project by its number here.
                expression=f'resource.name.startsWith("projects/{project_number}/secrets/{prefix}")',
            ),
            depends_on=list(after),
        )
        self.store = SecretStore(
            # No `auth`: the controller's own identity.
            provider={"gcpsm": {"projectID": project}},
            prefix=prefix,
            login=CloudLogin(ready=(reads,)),
        )

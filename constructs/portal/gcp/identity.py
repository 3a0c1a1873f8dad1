"""Service accounts, each for one purpose, and the accounts by which Google's own services act."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.project_iam_member import ProjectIamMember
from cdktf_cdktf_provider_google.service_account import ServiceAccount as GoogleServiceAccount
from constructs import Construct

from portal.kubernetes import contract


class ServiceAccount(Construct):
    """An account without keys that has exactly `roles` in the project.

    Whoever uses the account depends on `granted`, or it may start before it has its rights, and lose them before it
    stops.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        project: str,
        name: str,
        purpose: str,
        roles: Sequence[str],
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        account = GoogleServiceAccount(
            self, "Default", account_id=name, display_name=name, description=purpose, depends_on=list(after)
        )
        self.email: str = account.email
        member = f"serviceAccount:{account.email}"
        self.granted: tuple[ITerraformDependable, ...] = tuple(
            ProjectIamMember(
                self, role.rpartition(".")[2].lower(), project=project, role=f"roles/{role}", member=member
            )
            for role in roles
        )


def pods_of(user: contract.ServiceAccount, *, project: str, project_number: str) -> str:
    """The pods of one Kubernetes service account, as a principal that takes roles by itself.

    Source: IAM, "Principal identifiers", workload identity federation for GKE.
    """
    pool = f"projects/{project_number}/locations/global/workloadIdentityPools/{project}.svc.id.goog"
    return f"principal://iam.googleapis.com/{pool}/subject/ns/{user.namespace}/sa/{user.name}"


def compute_agent(project_number: str) -> str:
    """The account by which Compute Engine encrypts disks. It exists as soon as the API is on."""
    return f"serviceAccount:service-{project_number}@compute-system.iam.gserviceaccount.com"


def kubernetes_agent(project_number: str) -> str:
    """The account by which GKE encrypts Kubernetes secrets. It exists as soon as the API is on."""
    return f"serviceAccount:service-{project_number}@container-engine-robot.iam.gserviceaccount.com"

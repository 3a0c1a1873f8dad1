"""The Google Cloud APIs that an environment uses."""

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.project_service import ProjectService
from cdktf_cdktf_provider_time.sleep import Sleep
from constructs import Construct

SERVICES = (
    "cloudkms",
    "compute",
    "container",
    "dns",
    "gkehub",
    "iam",
    "logging",
    "mesh",
    "monitoring",
    "secretmanager",
    "storage",
)
"""Names of APIs, without `.googleapis.com`. dns: Autopilot resolves the names of the cluster by Cloud DNS. gkehub: the
managed mesh is a feature of a fleet."""

SETTLE_SECONDS = 60


class Services(Construct):
    """Switches the APIs on; everything else in the project comes after `enabled`.

    The pause lets the switch reach every Google server, and Google make the accounts by which Compute Engine and GKE
    act (service agents): a right given to an account that does not exist yet is refused. APIs stay on after a destroy,
    because others in the project may use them.

    A plan reads the project by serviceusage and cloudresourcemanager: whoever makes the project switches these two on.

    Source: provider docs, `google_project_service`; IAM, "Create and grant roles to service agents".
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        switched_on = [
            ProjectService(self, service, service=f"{service}.googleapis.com", disable_on_destroy=False)
            for service in SERVICES
        ]
        settled = Sleep(
            self,
            "Default",
            create_duration=f"{SETTLE_SECONDS}s",
            # Pauses again when an API is added.
            triggers={"services": " ".join(SERVICES)},
            depends_on=switched_on,
        )
        self.enabled: tuple[ITerraformDependable, ...] = (settled,)

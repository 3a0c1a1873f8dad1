"""Encryption keys of one environment, one for each purpose, so that each has the fewest users that work."""

from collections.abc import Sequence

from cdktf import ITerraformDependable, Token
from cdktf_cdktf_provider_google.data_google_project import DataGoogleProject
from cdktf_cdktf_provider_google.kms_crypto_key import KmsCryptoKey
from cdktf_cdktf_provider_google.kms_crypto_key_iam_member import KmsCryptoKeyIamMember
from cdktf_cdktf_provider_google.kms_key_ring import KmsKeyRing
from cdktf_cdktf_provider_time.static_resource import StaticResource
from constructs import Construct

from portal.gcp.identity import compute_agent, kubernetes_agent
from portal.naming import Kind, Naming

DAY_SECONDS = 86_400
ROTATION_DAYS = 90
"""CIS Google Cloud benchmark 1.10."""


class Key(Construct):
    """A customer-managed key that rotates, and that only `user` uses.

    Deleting its versions makes everything it encrypted unreadable, so Terraform refuses to when `protected`. Whoever
    encrypts with the key depends on `usable`.

    Source: guide, "GCP Architecture", Cloud KMS; provider docs, `google_kms_crypto_key`.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, ring: KmsKeyRing, user: str, protected: bool) -> None:
        super().__init__(scope, id)
        key = KmsCryptoKey(
            self,
            "Default",
            name=name,
            key_ring=ring.id,
            rotation_period=f"{ROTATION_DAYS * DAY_SECONDS}s",
            # For good: another value is another key, and with it another cluster.
            destroy_scheduled_duration=f"{30 * DAY_SECONDS}s",
            lifecycle={"prevent_destroy": protected},
        )
        self.id: str = key.id
        self.usable: tuple[ITerraformDependable, ...] = (
            KmsCryptoKeyIamMember(
                self, "user", crypto_key_id=key.id, role="roles/cloudkms.cryptoKeyEncrypterDecrypter", member=user
            ),
        )


class Keys(Construct):
    """The keys of one environment: `cluster` (Kubernetes secrets) and `data` (volumes and nodes' disks).

    Google never forgets a key ring or a key, so an environment that is deployed again after a destroy needs a ring of
    another name. The name ends in the second of the first deploy, which the state keeps as long as the ring.

    Source: Cloud KMS, "Cloud KMS resources"; provider docs, `google_kms_key_ring`, `time_static`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        project: str,
        region: str,
        protected: bool,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        first_deploy = Token.as_string(StaticResource(self, "first-deploy").unix)
        ring = KmsKeyRing(
            self,
            "Default",
            name=f"{naming.name(Kind.GCP_NAME)}-{first_deploy}",
            location=region,
            lifecycle={"prevent_destroy": protected},
            depends_on=list(after),
        )
        number = DataGoogleProject(self, "project", project_id=project).number
        self.ring = ring
        self.project_number: str = number
        self.cluster = Key(
            self, "cluster", name="cluster", ring=ring, user=kubernetes_agent(number), protected=protected
        )
        self.data = Key(self, "data", name="data", ring=ring, user=compute_agent(number), protected=protected)

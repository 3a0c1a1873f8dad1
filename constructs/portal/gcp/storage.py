"""Object storage of one environment: where the database's backups go."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.data_google_storage_project_service_account import (
    DataGoogleStorageProjectServiceAccount,
)
from cdktf_cdktf_provider_google.storage_bucket import (
    StorageBucket,
    StorageBucketEncryption,
    StorageBucketLifecycleRule,
    StorageBucketLifecycleRuleAction,
    StorageBucketLifecycleRuleCondition,
    StorageBucketVersioning,
)
from cdktf_cdktf_provider_google.storage_bucket_iam_member import StorageBucketIamMember
from constructs import Construct

from portal.gcp.keys import Key, Keys
from portal.kubernetes.contract import KEPT_AFTER_DELETION_DAYS, BackupStore, ServiceAccount
from portal.naming import Kind, Naming

ROLES = {"objects": "roles/storage.objectUser", "bucket": "roles/storage.legacyBucketReader"}
"""Reading, writing and deleting objects; and seeing the bucket itself, which barman asks for first."""


class PrivateBucket(Construct):
    """A bucket that only this project reaches, with every object encrypted by `key` and versioned.

    Nothing expires by age: whoever writes also deletes, and what was deleted stays for two weeks. Losing the bucket
    loses backups, so Terraform refuses to destroy it when `protected`.

    Source: guide, "GCP Architecture", Cloud Storage; provider docs, `google_storage_bucket`.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, region: str, key: Key, protected: bool) -> None:
        super().__init__(scope, id)
        bucket = StorageBucket(
            self,
            "Default",
            name=name,
            location=region,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning=StorageBucketVersioning(enabled=True),
            encryption=StorageBucketEncryption(default_kms_key_name=key.id),
            lifecycle_rule=[
                StorageBucketLifecycleRule(
                    action=StorageBucketLifecycleRuleAction(type="Delete"),
                    condition=StorageBucketLifecycleRuleCondition(days_since_noncurrent_time=KEPT_AFTER_DELETION_DAYS),
                )
            ],
            force_destroy=not protected,
            lifecycle={"prevent_destroy": protected},
            depends_on=list(key.usable),
        )
        self.name: str = bucket.name


class DatabaseBackups(Construct):
    """The bucket of the database's backups, which the database's pods reach by their service account.

    `after`: the cluster, whose making brings the project's workload identity pool.

    Source: guide, "Backup Strategy"; GKE, "Authenticate to Google Cloud APIs from GKE workloads".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        project: str,
        region: str,
        keys: Keys,
        user: ServiceAccount,
        protected: bool,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        # Asking for Cloud Storage's agent makes it, where the project has none yet.
        agent = DataGoogleStorageProjectServiceAccount(self, "agent", project=project, depends_on=list(after))
        key = Key(
            self,
            "key",
            name="database-backups",
            ring=keys.ring,
            user=f"serviceAccount:{agent.email_address}",
            protected=protected,
        )
        name = naming.name(Kind.GCP_BUCKET, "database-backups")
        bucket = PrivateBucket(self, "Default", name=name, region=region, key=key, protected=protected)
        pool = f"projects/{keys.project_number}/locations/global/workloadIdentityPools/{project}.svc.id.goog"
        member = f"principal://iam.googleapis.com/{pool}/subject/ns/{user.namespace}/sa/{user.name}"
        self.store = BackupStore(
            destination=f"gs://{name}/",
            credentials={"googleCredentials": {"gkeEnvironment": True}},
            # GKE's metadata server, by its name and behind it.
            identity_endpoints=(("169.254.169.254/32", 80), ("169.254.169.252/32", 988)),
            ready=tuple(
                StorageBucketIamMember(
                    self, purpose, bucket=bucket.name, role=role, member=member, depends_on=list(after)
                )
                for purpose, role in ROLES.items()
            ),
        )

"""Object storage of one environment: where backups go, and metrics that stay."""

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

from portal.gcp.identity import pods_of
from portal.gcp.keys import Key, Keys
from portal.kubernetes.contract import (
    KEPT_AFTER_DELETION_DAYS,
    BackupStore,
    CloudLogin,
    ClusterBackupStore,
    MetricsStore,
    ServiceAccount,
)
from portal.naming import Kind, Naming

ROLES = {"objects": "roles/storage.objectUser", "bucket": "roles/storage.legacyBucketReader"}
"""Reading, writing and deleting objects; and seeing the bucket itself, which barman and Velero ask for first."""


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


class PodBucket(Construct):
    """A bucket with a key of its own, which the pods of one service account read and write by workload identity.

    `after`: the cluster, whose making brings the project's workload identity pool.

    Source: GKE, "Authenticate to Google Cloud APIs from GKE workloads".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        purpose: str,
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
            name=purpose,
            ring=keys.ring,
            user=f"serviceAccount:{agent.email_address}",
            protected=protected,
        )
        self.name = naming.name(Kind.GCP_BUCKET, purpose)
        bucket = PrivateBucket(self, "Default", name=self.name, region=region, key=key, protected=protected)
        member = pods_of(user, project=project, project_number=keys.project_number)
        self.login = CloudLogin(
            ready=tuple(
                StorageBucketIamMember(
                    self, right, bucket=bucket.name, role=role, member=member, depends_on=list(after)
                )
                for right, role in ROLES.items()
            ),
        )


def database_backups(bucket: PodBucket) -> BackupStore:
    """The bucket as barman names it. Source: guide, "Backup Strategy"."""
    return BackupStore(
        destination=f"gs://{bucket.name}/",
        credentials={"googleCredentials": {"gkeEnvironment": True}},
        login=bucket.login,
    )


def cluster_backups(bucket: PodBucket) -> ClusterBackupStore:
    """The bucket as Velero names it.

    The plugin does not start without an account that signs links for downloads. There is none: backups and restores
    need no links, and docs/runbooks/restore-cluster.md reads logs from the bucket.

    Source: velero-plugin-for-gcp, `object_store.go`, `initFromComputeEngine`.
    """
    return ClusterBackupStore(
        provider="gcp",
        plugin="velero-gcp",
        bucket=bucket.name,
        config={"serviceAccount": "signs-no-links"},
        login=bucket.login,
    )


def metrics(bucket: PodBucket) -> MetricsStore:
    """The bucket as Thanos names it. Source: Thanos, "Object Storage & Data Format", GCS."""
    return MetricsStore(objects={"type": "GCS", "config": {"bucket": bucket.name}}, login=bucket.login)

"""Object storage of one environment: where backups go, metrics that stay, and who asked for what."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
)
from cdktf_cdktf_provider_aws.s3_bucket_logging import S3BucketLoggingA
from cdktf_cdktf_provider_aws.s3_bucket_object_lock_configuration import (
    S3BucketObjectLockConfigurationA,
    S3BucketObjectLockConfigurationRuleA,
    S3BucketObjectLockConfigurationRuleDefaultRetentionA,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
)
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA as EncryptByDefault,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import S3BucketVersioningA, S3BucketVersioningVersioningConfiguration
from constructs import Construct

from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.aws.keys import Key, administered_by_account
from portal.aws.policies import may_encrypt, policy_document
from portal.kubernetes.contract import (
    KEPT_AFTER_DELETION_DAYS,
    BackupStore,
    CloudLogin,
    ClusterBackupStore,
    MetricsStore,
    ServiceAccount,
)
from portal.naming import Kind, Naming


class PrivateBucket(Construct):
    """A bucket that only this account reaches, over TLS, with every object encrypted and versioned.

    Nothing expires by age unless `expires_after_days` says so: whoever writes also deletes, and what was deleted stays
    for two weeks. (An expiry as long as a backup's retention would delete the base backup that its first day needs.)
    Losing the bucket loses backups, so Terraform refuses to destroy it when `protected`. `statements`: what its policy
    allows to services. `ready`: what makes it so, before the first object comes.

    `key`: None for a bucket of logs, where the services that write them know no other keys than S3's own. `log`: where
    each request is written down. `region`: another than the stack's own. `locked_days`: for so long nobody overwrites
    or deletes a version, whatever rights they have but one.

    Source: guide, "AWS Architecture", S3; AWS Well-Architected SEC08.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: Key | None,
        protected: bool,
        log: "LogBucket | None" = None,
        region: str | None = None,
        locked_days: int | None = None,
        kept_after_deletion_days: int = KEPT_AFTER_DELETION_DAYS,
        expires_after_days: int | None = None,
        statements: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(scope, id)
        bucket = S3Bucket(
            self,
            "Default",
            bucket=name,
            region=region,
            object_lock_enabled=True if locked_days else None,
            force_destroy=not protected,
            lifecycle={"prevent_destroy": protected},
            # What is in it is readable for as long as it is there.
            depends_on=[key.resource] if key else None,
        )
        self.arn: str = bucket.arn
        self.bucket = bucket
        self.name = name
        closed = S3BucketPublicAccessBlock(
            self,
            "private",
            bucket=bucket.id,
            region=region,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        versioned = S3BucketVersioningA(
            self,
            "versioned",
            bucket=bucket.id,
            region=region,
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
        )
        encrypted = S3BucketServerSideEncryptionConfigurationA(
            self,
            "encrypted",
            bucket=bucket.id,
            region=region,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=EncryptByDefault(
                        sse_algorithm="aws:kms" if key else "AES256", kms_master_key_id=key.arn if key else None
                    ),
                    # One call to the key for many objects.
                    bucket_key_enabled=True if key else None,
                )
            ],
        )
        forgets = S3BucketLifecycleConfiguration(
            self,
            "forgets",
            bucket=bucket.id,
            region=region,
            rule=[
                S3BucketLifecycleConfigurationRule(
                    id="forget-deleted",
                    status="Enabled",
                    filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
                    noncurrent_version_expiration=[
                        S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(
                            noncurrent_days=kept_after_deletion_days
                        )
                    ],
                    abort_incomplete_multipart_upload=[
                        S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(days_after_initiation=7)
                    ],
                    expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=expires_after_days)]
                    if expires_after_days
                    else None,
                )
            ],
        )
        # Two changes of the public access of one bucket at the same time refuse each other.
        tls_only = S3BucketPolicy(
            self,
            "tls-only",
            bucket=bucket.id,
            region=region,
            policy=policy_document([deny_without_tls(bucket.arn), *statements]),
            depends_on=[closed],
        )
        if log:
            S3BucketLoggingA(
                self,
                "logged",
                bucket=bucket.id,
                target_bucket=log.name,
                target_prefix=f"{name}/",
                depends_on=list(log.ready),
            )
        if locked_days:
            S3BucketObjectLockConfigurationA(
                self,
                "locked",
                bucket=bucket.id,
                region=region,
                rule=S3BucketObjectLockConfigurationRuleA(
                    default_retention=S3BucketObjectLockConfigurationRuleDefaultRetentionA(
                        mode="GOVERNANCE", days=locked_days
                    )
                ),
                depends_on=[versioned],
            )
        self.ready: tuple[ITerraformDependable, ...] = (versioned, encrypted, forgets, tls_only)


class LogBucket(Construct):
    """Where S3 and the load balancer write down who asked for what. Services write here with S3's own keys alone.

    Source: S3 user guide, "Enabling Amazon S3 server access logging".
    """

    def __init__(
        self, scope: Construct, id: str, *, naming: Naming, account: str, kept_days: int, protected: bool
    ) -> None:
        super().__init__(scope, id)
        self.name = naming.name(Kind.AWS_BUCKET, "access-logs")
        bucket = PrivateBucket(
            self,
            "Default",
            name=self.name,
            key=None,
            protected=protected,
            expires_after_days=kept_days,
            statements=[
                may_log(bucket_arn(self.name), account),
                may_log_requests(bucket_arn(self.name), account),
            ],
        )
        self.ready = bucket.ready


class PodBucket(Construct):
    """A bucket with a key of its own, which the pods of one service account read and write by Pod Identity.

    Source: EKS user guide, "EKS Pod Identity".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        purpose: str,
        naming: Naming,
        account: str,
        cluster_name: str,
        user: ServiceAccount,
        log: LogBucket | None,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        key = Key(
            self,
            "key",
            name=naming.name(Kind.AWS_NAME, purpose),
            statements=[administered_by_account(account)],
            protected=protected,
        )
        self.name = naming.name(Kind.AWS_BUCKET, purpose)
        bucket = PrivateBucket(self, "Default", name=self.name, key=key, protected=protected, log=log)
        self.arn = bucket.arn
        self.key = key
        self.bucket = bucket
        role = ServiceRole(
            self,
            "writer",
            name=naming.name(Kind.AWS_NAME, purpose),
            service=POD_IDENTITY,
            statements=[*may_write(bucket.arn), may_encrypt(key.arn)],
        )
        association = given_to(self, "user", role=role, cluster_name=cluster_name, user=user)
        self.login = CloudLogin(ready=(association, *bucket.ready))


def database_backups(bucket: PodBucket) -> BackupStore:
    """The bucket as barman names it. Source: guide, "Backup Strategy"."""
    return BackupStore(
        destination=f"s3://{bucket.name}/",
        credentials={"s3Credentials": {"inheritFromIAMRole": True}},
        login=bucket.login,
    )


def cluster_backups(bucket: PodBucket, *, region: str) -> ClusterBackupStore:
    """The bucket as Velero names it. Source: velero-plugin-for-aws, "Backup Storage Location"."""
    return ClusterBackupStore(
        provider="aws", plugin="velero-aws", bucket=bucket.name, config={"region": region}, login=bucket.login
    )


def bucket_arn(name: str) -> str:
    """The ARN of a bucket, known before the bucket is."""
    return f"arn:aws:s3:::{name}"


def metrics(bucket: PodBucket, *, region: str) -> MetricsStore:
    """The bucket as Thanos names it. Its own way to credentials is older than Pod Identity; AWS's knows it.

    Source: Thanos, "Object Storage & Data Format", S3.
    """
    return MetricsStore(
        objects={
            "type": "S3",
            "config": {
                "bucket": bucket.name,
                "endpoint": f"s3.{region}.amazonaws.com",
                "region": region,
                "aws_sdk_auth": True,
            },
        },
        login=bucket.login,
    )


def deny_without_tls(bucket_arn: str) -> dict[str, Any]:
    """The statement that refuses every request which did not come over TLS."""
    return {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def may_log(bucket_arn: str, account: str) -> dict[str, Any]:
    """Lets S3 deliver the access logs of this account's buckets."""
    return {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket_arn}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


REQUESTS_PREFIX = "requests"


def may_log_requests(bucket_arn: str, account: str) -> dict[str, Any]:
    """Lets load balancers of this account deliver what was asked of them.

    Source: Elastic Load Balancing, "Enable access logs for your Application Load Balancer".
    """
    return {
        "Sid": "LoadBalancerLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket_arn}/{REQUESTS_PREFIX}/AWSLogs/{account}/*",
    }


def may_write(bucket_arn: str) -> list[dict[str, Any]]:
    """Rights to list a bucket and to read, write and delete in it.

    Source: Barman manual, "barman-cloud", S3; velero-plugin-for-aws, "Set permissions for Velero".
    """
    return [
        {"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket"], "Resource": bucket_arn},
        {
            "Effect": "Allow",
            "Action": [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            "Resource": f"{bucket_arn}/*",
        },
    ]

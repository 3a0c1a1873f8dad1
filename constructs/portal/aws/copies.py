"""Copies of backups in a second region, which nobody deletes before their time."""

from typing import Any

from cdktf_cdktf_provider_aws.s3_bucket_replication_configuration import (
    S3BucketReplicationConfigurationA,
    S3BucketReplicationConfigurationRule,
    S3BucketReplicationConfigurationRuleDeleteMarkerReplication,
    S3BucketReplicationConfigurationRuleDestination,
    S3BucketReplicationConfigurationRuleDestinationEncryptionConfiguration,
    S3BucketReplicationConfigurationRuleFilter,
    S3BucketReplicationConfigurationRuleSourceSelectionCriteria,
    S3BucketReplicationConfigurationRuleSourceSelectionCriteriaSseKmsEncryptedObjects,
)
from constructs import Construct

from portal.aws.identity import ServiceRole
from portal.aws.keys import Key
from portal.aws.storage import PodBucket, PrivateBucket
from portal.naming import Kind, Naming

LONGEST_GAP_DAYS = 1
"""Between two base backups."""
SPARE_DAYS = 7


class Copied(Construct):
    """Every object of a bucket once more in another region, locked for as long as a backup is kept.

    The lock is on the copy: in the bucket itself the tools must delete what is out of date. Deletions are not copied,
    so here age decides: the retention, the gap to the base backup that its first day needs, and a week.

    Source: guide, "Backup Strategy"; S3 user guide, "Replicating encrypted objects", "Using Object Lock".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source: PodBucket,
        purpose: str,
        naming: Naming,
        region: str,
        key: Key,
        retention_days: int,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        copy = PrivateBucket(
            self,
            "Default",
            name=naming.name(Kind.AWS_BUCKET, purpose, "copy"),
            key=key,
            protected=protected,
            region=region,
            locked_days=retention_days,
            expires_after_days=retention_days + LONGEST_GAP_DAYS + SPARE_DAYS,
        )
        role = ServiceRole(
            self,
            "copier",
            name=naming.name(Kind.AWS_NAME, purpose, "copier"),
            service="s3.amazonaws.com",
            statements=may_copy(source=source.arn, source_key=source.key.arn, copy=copy.arn, copy_key=key.arn),
        )
        S3BucketReplicationConfigurationA(
            self,
            "copies",
            bucket=source.bucket.bucket.id,
            role=role.arn,
            rule=[
                S3BucketReplicationConfigurationRule(
                    id="everything",
                    status="Enabled",
                    filter=S3BucketReplicationConfigurationRuleFilter(prefix=""),
                    delete_marker_replication=S3BucketReplicationConfigurationRuleDeleteMarkerReplication(
                        status="Disabled"
                    ),
                    source_selection_criteria=S3BucketReplicationConfigurationRuleSourceSelectionCriteria(
                        sse_kms_encrypted_objects=(
                            S3BucketReplicationConfigurationRuleSourceSelectionCriteriaSseKmsEncryptedObjects(
                                status="Enabled"
                            )
                        )
                    ),
                    destination=S3BucketReplicationConfigurationRuleDestination(
                        bucket=copy.arn,
                        storage_class="STANDARD_IA",
                        encryption_configuration=(
                            S3BucketReplicationConfigurationRuleDestinationEncryptionConfiguration(
                                replica_kms_key_id=key.arn
                            )
                        ),
                    ),
                )
            ],
            depends_on=[*source.bucket.ready, *copy.ready, *role.granted],
        )


def may_copy(*, source: str, source_key: str, copy: str, copy_key: str) -> list[dict[str, Any]]:
    """Rights of S3 to read versions on the one side and to write them on the other.

    Source: S3 user guide, "Setting up permissions for live replication".
    """
    return [
        {"Effect": "Allow", "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"], "Resource": source},
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": f"{source}/*",
        },
        {"Effect": "Allow", "Action": ["s3:ReplicateObject", "s3:ReplicateTags"], "Resource": f"{copy}/*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": source_key},
        {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": copy_key},
    ]

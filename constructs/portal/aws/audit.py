"""Who did what in every account, and what changed: kept in one place that no environment can reach."""

from collections.abc import Sequence
from typing import Any

from cdktf_cdktf_provider_aws.cloudtrail import Cloudtrail
from cdktf_cdktf_provider_aws.config_configuration_recorder import (
    ConfigConfigurationRecorder,
    ConfigConfigurationRecorderRecordingGroup,
)
from cdktf_cdktf_provider_aws.config_configuration_recorder_status import ConfigConfigurationRecorderStatus
from cdktf_cdktf_provider_aws.config_delivery_channel import ConfigDeliveryChannel
from constructs import Construct

from portal.aws.accounts import Account
from portal.aws.identity import ServiceRole
from portal.aws.keys import Key, administered_by_account
from portal.aws.policies import Statement, may_encrypt
from portal.aws.storage import PrivateBucket, bucket_arn
from portal.naming import Kind, Naming

TRAIL = "portal-audit"
RECORDER = "portal-config-recorder"
"""The role of Config."""


class AuditStore(Construct):
    """The bucket in the shared account into which CloudTrail and Config of every account write, each under its own
    account's prefix.

    Source: CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail"; Config developer guide, "Permissions for
    the Amazon S3 bucket".
    """

    def __init__(
        self, scope: Construct, id: str, *, owner: Account, accounts: Sequence[Account], retention_days: int
    ) -> None:
        super().__init__(scope, id)
        naming = Naming(scope="audit", owner=owner.id)
        self.name = naming.name(Kind.AWS_BUCKET, owner.region)
        trails = [trail_arn(account) for account in accounts]
        ids = [account.id for account in accounts]
        key = Key(
            self,
            "key",
            name=naming.name(Kind.AWS_NAME),
            statements=[administered_by_account(owner.id), used_by_trails(trails), *used_by_config(ids)],
            protected=True,
        )
        bucket = PrivateBucket(
            self,
            "Default",
            name=self.name,
            key=key,
            protected=True,
            expires_after_days=retention_days,
            statements=[*trails_may_write(self.name, trails=trails, accounts=ids), *config_may_write(self.name, ids)],
        )
        self.key_arn = key.arn
        self.ready = bucket.ready


class AccountAudit(Construct):
    """CloudTrail over all regions, and Config in the one that is used, of one account.

    Security Hub sees nothing without Config.
    """

    def __init__(self, scope: Construct, id: str, *, store: AuditStore) -> None:
        super().__init__(scope, id)
        Cloudtrail(
            self,
            "trail",
            name=TRAIL,
            s3_bucket_name=store.name,
            kms_key_id=store.key_arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            depends_on=list(store.ready),
        )
        recorder_role = ServiceRole(
            self,
            "recorder-role",
            name=RECORDER,
            service="config.amazonaws.com",
            managed=["service-role/AWS_ConfigRole"],
            statements=[may_deliver(store.name), may_encrypt(store.key_arn)],
        )
        recorder = ConfigConfigurationRecorder(
            self,
            "recorder",
            name="portal",
            role_arn=recorder_role.arn,
            recording_group=ConfigConfigurationRecorderRecordingGroup(
                all_supported=True, include_global_resource_types=True
            ),
            depends_on=list(recorder_role.granted),
        )
        channel = ConfigDeliveryChannel(
            self,
            "channel",
            name="portal",
            s3_bucket_name=store.name,
            s3_kms_key_arn=store.key_arn,
            depends_on=[recorder, *store.ready],
        )
        recording = ConfigConfigurationRecorderStatus(
            self, "recording", name=recorder.name, is_enabled=True, depends_on=[channel]
        )
        self.recording = recording


def trail_arn(account: Account) -> str:
    """The ARN of an account's trail, known before the trail is: the bucket admits that one alone."""
    return f"arn:aws:cloudtrail:{account.region}:{account.id}:trail/{TRAIL}"


def used_by_trails(trails: Sequence[str]) -> Statement:
    """Lets the trails encrypt. Source: CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail"."""
    return {
        "Sid": "TrailsEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["kms:DescribeKey", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceArn": list(trails)}},
    }


def used_by_config(accounts: Sequence[str]) -> list[Statement]:
    """Lets Config of the accounts encrypt, in their recorders' roles or as the service, and nobody else there.

    Source: Config developer guide, "Permissions for the KMS Key".
    """
    return [
        {
            "Sid": "RecordersEncrypt",
            "Principal": {"AWS": [f"arn:aws:iam::{id}:root" for id in accounts]},
            **may_encrypt("*"),
            "Condition": {
                "StringLike": {"kms:ViaService": "s3.*.amazonaws.com"},
                "ArnEquals": {"aws:PrincipalArn": [f"arn:aws:iam::{id}:role/{RECORDER}" for id in accounts]},
            },
        },
        {
            "Sid": "ConfigEncrypts",
            "Principal": {"Service": "config.amazonaws.com"},
            **may_encrypt("*"),
            "Condition": {"StringEquals": {"aws:SourceAccount": list(accounts)}},
        },
    ]


def trails_may_write(bucket: str, *, trails: Sequence[str], accounts: Sequence[str]) -> list[dict[str, Any]]:
    """What CloudTrail needs of the bucket, for these trails only."""
    principal = {"Service": "cloudtrail.amazonaws.com"}
    theirs = {"aws:SourceArn": list(trails)}
    return [
        {
            "Sid": "TrailsLook",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:GetBucketAcl",
            "Resource": bucket_arn(bucket),
            "Condition": {"StringEquals": theirs},
        },
        {
            "Sid": "TrailsWrite",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:PutObject",
            "Resource": [f"{bucket_arn(bucket)}/AWSLogs/{account}/*" for account in accounts],
            "Condition": {"StringEquals": {**theirs, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]


def config_may_write(bucket: str, accounts: Sequence[str]) -> list[dict[str, Any]]:
    """What Config needs of the bucket, for recorders of these accounts only."""
    principal = {"Service": "config.amazonaws.com"}
    theirs = {"aws:SourceAccount": list(accounts)}
    return [
        {
            "Sid": "ConfigLooks",
            "Effect": "Allow",
            "Principal": principal,
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
            "Resource": bucket_arn(bucket),
            "Condition": {"StringEquals": theirs},
        },
        {
            "Sid": "ConfigWrites",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:PutObject",
            "Resource": [f"{bucket_arn(bucket)}/AWSLogs/{account}/Config/*" for account in accounts],
            "Condition": {"StringEquals": {**theirs, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]


def may_deliver(bucket: str) -> dict[str, Any]:
    """The recorder's own right to write; the bucket's policy says for which account."""
    return {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": f"{bucket_arn(bucket)}/AWSLogs/*"}

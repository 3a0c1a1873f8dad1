"""CloudTrail and Config: every account is recorded, into a place that no environment reaches."""

import pytest

from portal.aws.audit import config_may_write, trails_may_write, used_by_config
from portal.spec.loader import Environments
from tests.aws.accounts import EVERY_ACCOUNT, by_account
from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack


@pytest.fixture(scope="module")
def shared(stack: StackOf) -> SynthesizedStack:
    return stack("shared-aws")


def test_every_account_is_recorded_into_the_shared_one(shared: SynthesizedStack) -> None:
    trails, channels = by_account(shared, "aws_cloudtrail"), by_account(shared, "aws_config_delivery_channel")
    assert set(trails) == set(channels) == set(EVERY_ACCOUNT)
    store = shared.one("aws_s3_bucket")
    assert store.get("provider") is None
    for trail in trails.values():
        assert trail["s3_bucket_name"] == store["bucket"]
        assert trail["is_multi_region_trail"] is True
        assert trail["enable_log_file_validation"] is True
        assert "aws_kms_key.audit-store_key" in shared.references(trail)
        # The bucket must admit it before it starts, or CloudTrail refuses to be made.
        assert "aws_s3_bucket_policy.audit-store_tls-only" in shared.comes_after(trail)
    for channel in channels.values():
        assert channel["s3_bucket_name"] == store["bucket"]
        assert "aws_kms_key.audit-store_key" in shared.references(channel)
        assert "aws_s3_bucket_policy.audit-store_tls-only" in shared.comes_after(channel), "it is tried at once"


def test_the_store_admits_exactly_these_trails_and_recorders(shared: SynthesizedStack) -> None:
    policy = {s["Sid"]: s for s in statements(shared.one("aws_s3_bucket_policy")["policy"])}
    trails = {f"arn:aws:cloudtrail:eu-west-1:{account}:trail/portal-audit" for account in EVERY_ACCOUNT}
    assert set(policy["TrailsWrite"]["Condition"]["StringEquals"]["aws:SourceArn"]) == trails
    assert set(policy["ConfigWrites"]["Condition"]["StringEquals"]["aws:SourceAccount"]) == set(EVERY_ACCOUNT)
    named = {trail["name"] for trail in shared.all("aws_cloudtrail")}
    assert {arn.rpartition("/")[2] for arn in trails} == named


def test_whom_the_store_admits_may_use_its_key(shared: SynthesizedStack) -> None:
    """CloudTrail refuses a key that does not admit it; Config delivers nothing, and says so nowhere."""
    bucket = {s["Sid"]: s for s in statements(shared.one("aws_s3_bucket_policy")["policy"])}
    key = {s["Sid"]: s for s in statements(shared.one("aws_kms_key", "audit-store_key")["policy"])}
    trails = key["TrailsEncrypt"]["Condition"]["StringEquals"]["aws:SourceArn"]
    assert trails == bucket["TrailsWrite"]["Condition"]["StringEquals"]["aws:SourceArn"]
    assert {"kms:DescribeKey", "kms:GenerateDataKey*"} == set(key["TrailsEncrypt"]["Action"])
    accounts = set(bucket["ConfigWrites"]["Condition"]["StringEquals"]["aws:SourceAccount"])
    assert {arn.split(":")[4] for arn in key["RecordersEncrypt"]["Principal"]["AWS"]} == accounts
    assert set(key["ConfigEncrypts"]["Condition"]["StringEquals"]["aws:SourceAccount"]) == accounts


def test_none_of_its_writers_reads_or_deletes_and_each_leaves_its_objects_to_the_bucket() -> None:
    """Whoever takes an environment over finds no way to what was recorded of that."""
    writers = [*trails_may_write("b", trails=["t"], accounts=["1", "2"]), *config_may_write("b", ["1", "2"])]
    actions = {action for s in writers for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])}
    assert actions == {"s3:GetBucketAcl", "s3:ListBucket", "s3:PutObject"}
    for statement in (s for s in writers if s["Action"] == "s3:PutObject"):
        assert statement["Condition"]["StringEquals"]["s3:x-amz-acl"] == "bucket-owner-full-control"
        assert all(f"/AWSLogs/{account}/" in arn for account, arn in zip("12", statement["Resource"], strict=True))
    recorders, service = used_by_config(["1"])
    assert recorders["Condition"]["ArnEquals"] == {"aws:PrincipalArn": ["arn:aws:iam::1:role/portal-config-recorder"]}
    assert service["Condition"] == {"StringEquals": {"aws:SourceAccount": ["1"]}}


def test_no_account_of_an_environment_holds_the_store_or_its_key(shared: SynthesizedStack) -> None:
    for resource in (shared.one("aws_s3_bucket"), shared.one("aws_kms_key", "audit-store_key")):
        assert resource.get("provider") is None, resource.address
    named = {
        principal
        for statement in statements(shared.one("aws_s3_bucket_policy")["policy"])
        if statement["Effect"] == "Allow"
        for principal in statement["Principal"]
    }
    assert named == {"Service"}, "an account here could read what is recorded of it"


def test_config_records_everything_once_it_can_deliver_and_until_it_is_told_to_stop(shared: SynthesizedStack) -> None:
    """Config makes no channel without a recorder and starts no recorder without a channel; it ends the other way."""
    recordings = by_account(shared, "aws_config_configuration_recorder_status")
    assert set(recordings) == set(EVERY_ACCOUNT)
    for account, recording in recordings.items():
        assert recording["is_enabled"] is True
        before = shared.comes_after(recording)
        recorder = by_account(shared, "aws_config_configuration_recorder")[account]
        channel = by_account(shared, "aws_config_delivery_channel")[account]
        assert channel.address in before
        assert recorder.address in shared.comes_after(channel)
        # IAM is recorded in one region only, so this one has to.
        groups = recorder["recording_group"]
        assert (groups["all_supported"], groups["include_global_resource_types"]) == (True, True)
        role = shared.one("aws_iam_role", f"accounts_{account}_audit_recorder-role")
        rights = {right.address for right in shared.referring_to(role) if right.type.startswith("aws_iam_role_policy")}
        assert len(rights) == 2, "what it may see, and what it may deliver"
        assert rights <= shared.comes_after(recorder)


def test_audit_logs_outlive_their_retention_by_nothing_and_nobody_deletes_the_store(
    shared: SynthesizedStack, environments: Environments
) -> None:
    (rule,) = shared.one("aws_s3_bucket_lifecycle_configuration")["rule"]
    assert rule["expiration"] == [{"days": environments.shared.clouds.aws.audit_retention_days}]
    assert shared.one("aws_s3_bucket")["lifecycle"]["prevent_destroy"] is True

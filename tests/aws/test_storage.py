"""The bucket of the database's backups: who reaches it, and that nothing in it is lost by mistake."""

import pytest

from portal.aws.storage import deny_without_tls, may_encrypt, may_write
from tests.conftest import StackOf

KEEPING = ("staging-aws", "prod-aws")


def test_a_tier_without_backups_has_no_bucket(stack: StackOf) -> None:
    assert stack("dev-aws").all("aws_s3_bucket") == []
    assert stack("dev-aws").values("postgres-cluster")["backup"] is None


@pytest.mark.parametrize("name", KEEPING)
def test_the_bucket_is_private_versioned_and_encrypted_by_a_key_of_its_own(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    bucket = synthesized.one("aws_s3_bucket")
    (block,) = synthesized.referring_to(bucket, "aws_s3_bucket_public_access_block")
    for switch in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"):
        assert block[switch] is True
    (versioning,) = synthesized.referring_to(bucket, "aws_s3_bucket_versioning")
    assert versioning["versioning_configuration"]["status"] == "Enabled"
    (encryption,) = synthesized.referring_to(bucket, "aws_s3_bucket_server_side_encryption_configuration")
    assert "aws_kms_key.database-backups_key" in synthesized.references(encryption)
    assert len(synthesized.referring_to(bucket, "aws_s3_bucket_policy")) == 1


@pytest.mark.parametrize("name", KEEPING)
def test_nothing_expires_by_age_but_what_was_deleted(stack: StackOf, name: str) -> None:
    (rule,) = stack(name).one("aws_s3_bucket_lifecycle_configuration")["rule"]
    assert "expiration" not in rule
    assert rule["noncurrent_version_expiration"][0]["noncurrent_days"] == 14


@pytest.mark.parametrize("name", KEEPING)
def test_the_bucket_cannot_be_destroyed_while_it_is_protected(stack: StackOf, name: str) -> None:
    bucket = stack(name).one("aws_s3_bucket")
    assert bucket["lifecycle"]["prevent_destroy"] is True
    assert bucket["force_destroy"] is False


@pytest.mark.parametrize("name", KEEPING)
def test_only_the_databases_pods_write_there_and_they_wait_for_the_right(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    association = synthesized.one("aws_eks_pod_identity_association", "database-backups_user")
    assert (association["namespace"], association["service_account"]) == ("developer-portal", "postgres-cluster")
    role = synthesized.one("aws_iam_role", "database-backups_writer")
    assert role.address in synthesized.references(association)
    assert association.address in synthesized.comes_after(synthesized.releases["postgres-cluster"])


def test_the_database_archives_into_that_bucket(stack: StackOf) -> None:
    prod = stack("prod-aws")
    backup = prod.values("postgres-cluster")["backup"]
    assert backup["destination"] == f"s3://{prod.one('aws_s3_bucket')['bucket']}/postgres"
    assert backup["credentials"] == {"s3Credentials": {"inheritFromIAMRole": True}}
    assert backup["identityEndpoints"] == [{"cidr": "169.254.170.23/32", "port": 80}]
    assert backup["retentionDays"] == 30


def test_rights_are_on_the_bucket_its_objects_and_its_key() -> None:
    bucket, objects = may_write("arn:aws:s3:::b")
    assert (bucket["Resource"], objects["Resource"]) == ("arn:aws:s3:::b", "arn:aws:s3:::b/*")
    assert may_encrypt("arn:key")["Resource"] == "arn:key"
    assert not any("*" in action for statement in (bucket, objects) for action in statement["Action"])


def test_a_request_without_tls_is_refused_whoever_sends_it() -> None:
    statement = deny_without_tls("arn:aws:s3:::b")
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]

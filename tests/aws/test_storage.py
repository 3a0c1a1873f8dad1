"""The buckets of backups: who reaches each, and that nothing in them is lost by mistake."""

import pytest

from portal.aws.policies import may_encrypt
from portal.aws.storage import deny_without_tls, may_write
from tests.conftest import StackOf

KEEPING = ("staging-aws", "prod-aws")


def test_a_tier_without_backups_has_no_bucket_for_them(stack: StackOf) -> None:
    assert [bucket.address for bucket in stack("dev-aws").all("aws_s3_bucket")] == ["aws_s3_bucket.artifacts"]
    assert stack("dev-aws").values("postgres-cluster")["backup"] is None


STORES = {
    # By Terraform name: the Kubernetes service account that writes there, and its release.
    "database-backups": ("developer-portal", "postgres-cluster", "postgres-cluster"),
    "cluster-backups": ("velero", "velero", "velero"),
    "metrics": ("monitoring", "prometheus", "metrics-archive"),
}
ONLY_IN_PRODUCTION = ("metrics",)


def stores(name: str) -> list[str]:
    return [store for store in STORES if name.startswith("prod") or store not in ONLY_IN_PRODUCTION]


each_store = pytest.mark.parametrize(("name", "store"), [(name, store) for name in KEEPING for store in stores(name)])


@each_store
def test_the_bucket_is_private_versioned_and_encrypted_by_a_key_of_its_own(
    stack: StackOf, name: str, store: str
) -> None:
    synthesized = stack(name)
    bucket = synthesized.one("aws_s3_bucket", store)
    (block,) = synthesized.referring_to(bucket, "aws_s3_bucket_public_access_block")
    for switch in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"):
        assert block[switch] is True
    (versioning,) = synthesized.referring_to(bucket, "aws_s3_bucket_versioning")
    assert versioning["versioning_configuration"]["status"] == "Enabled"
    (encryption,) = synthesized.referring_to(bucket, "aws_s3_bucket_server_side_encryption_configuration")
    assert f"aws_kms_key.{store}_key" in synthesized.references(encryption)
    assert len(synthesized.referring_to(bucket, "aws_s3_bucket_policy")) == 1


@each_store
def test_every_request_is_written_down(stack: StackOf, name: str, store: str) -> None:
    synthesized = stack(name)
    (logging,) = synthesized.referring_to(synthesized.one("aws_s3_bucket", store), "aws_s3_bucket_logging")
    log = synthesized.one("aws_s3_bucket", "access-logs")
    assert logging["target_bucket"] == log["bucket"]
    (policy,) = synthesized.referring_to(log, "aws_s3_bucket_policy")
    assert policy.address in synthesized.references(logging), "S3 refuses a target that does not let it in"
    assert '"logging.s3.amazonaws.com"' in policy["policy"]


@each_store
def test_nothing_expires_by_age_but_what_was_deleted(stack: StackOf, name: str, store: str) -> None:
    """So every object outlives the retention of whoever wrote it, and its deletion by two weeks."""
    synthesized = stack(name)
    (forgets,) = synthesized.referring_to(
        synthesized.one("aws_s3_bucket", store), "aws_s3_bucket_lifecycle_configuration"
    )
    (rule,) = forgets["rule"]
    assert "expiration" not in rule
    assert rule["noncurrent_version_expiration"][0]["noncurrent_days"] == 14


@each_store
def test_the_bucket_cannot_be_destroyed_while_it_is_protected(stack: StackOf, name: str, store: str) -> None:
    bucket = stack(name).one("aws_s3_bucket", store)
    assert bucket["lifecycle"]["prevent_destroy"] is True
    assert bucket["force_destroy"] is False


@each_store
def test_only_its_own_pods_write_there_and_they_wait_for_the_right(stack: StackOf, name: str, store: str) -> None:
    synthesized = stack(name)
    namespace, account, release = STORES[store]
    association = synthesized.one("aws_eks_pod_identity_association", f"{store}_user")
    assert (association["namespace"], association["service_account"]) == (namespace, account)
    role = synthesized.one("aws_iam_role", f"{store}_writer")
    assert role.address in synthesized.references(association)
    (rights,) = synthesized.referring_to(role, "aws_iam_role_policy")
    reached = {address for address in synthesized.references(rights) if address.startswith("aws_s3_bucket.")}
    assert reached == {f"aws_s3_bucket.{store}"}
    assert association.address in synthesized.comes_after(synthesized.releases[release])


def test_the_database_archives_into_that_bucket(stack: StackOf) -> None:
    prod = stack("prod-aws")
    backup = prod.values("postgres-cluster")["backup"]
    assert backup["destination"] == f"s3://{prod.one('aws_s3_bucket', 'database-backups')['bucket']}/postgres"
    assert backup["credentials"] == {"s3Credentials": {"inheritFromIAMRole": True}}
    assert backup["identityEndpoints"] == [{"cidr": "169.254.170.23/32", "port": 80}]
    assert backup["retentionDays"] == 30


def test_velero_backs_up_into_its_bucket(stack: StackOf) -> None:
    prod = stack("prod-aws")
    (location,) = prod.values("velero")["configuration"]["backupStorageLocation"]
    assert location["bucket"] == prod.one("aws_s3_bucket", "cluster-backups")["bucket"]
    assert (location["provider"], location["config"]) == ("aws", {"region": "eu-west-1"})


def test_snapshots_have_a_controller_that_makes_them(stack: StackOf) -> None:
    """EKS brings none; without its kinds every backup fails in part."""
    prod = stack("prod-aws")
    addon = prod.one("aws_eks_addon", "cluster_snapshot-controller")
    assert prod.values("velero")["configuration"]["features"] == "EnableCSI"
    assert addon.address in prod.comes_after(prod.releases["velero"])


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

"""The bucket of the database's backups: who reaches it, and that nothing in it is lost by mistake."""

import pytest

from tests.conftest import StackOf

KEEPING = ("staging-gcp", "prod-gcp")


def test_a_tier_without_backups_has_no_bucket(stack: StackOf) -> None:
    assert stack("dev-gcp").all("google_storage_bucket") == []


@pytest.mark.parametrize("name", KEEPING)
def test_the_bucket_is_private_versioned_and_encrypted_by_a_key_of_its_own(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    bucket = synthesized.one("google_storage_bucket")
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["versioning"]["enabled"] is True
    key = synthesized.one("google_kms_crypto_key", "database-backups_key")
    assert key.address in synthesized.references(bucket)
    (grant,) = synthesized.referring_to(key, "google_kms_crypto_key_iam_member")
    assert grant.address in synthesized.comes_after(bucket), "or the first object cannot be encrypted"


@pytest.mark.parametrize("name", KEEPING)
def test_nothing_expires_by_age_but_what_was_deleted(stack: StackOf, name: str) -> None:
    (rule,) = stack(name).one("google_storage_bucket")["lifecycle_rule"]
    assert rule["condition"] == {"days_since_noncurrent_time": 14}


@pytest.mark.parametrize("name", KEEPING)
def test_the_bucket_cannot_be_destroyed_while_it_is_protected(stack: StackOf, name: str) -> None:
    bucket = stack(name).one("google_storage_bucket")
    assert bucket["lifecycle"]["prevent_destroy"] is True
    assert bucket["force_destroy"] is False


@pytest.mark.parametrize("name", KEEPING)
def test_only_the_databases_pods_write_there_and_they_wait_for_the_right(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    rights = synthesized.all("google_storage_bucket_iam_member")
    assert {right["role"] for right in rights} == {"roles/storage.objectUser", "roles/storage.legacyBucketReader"}
    for right in rights:
        assert right["member"].endswith(".svc.id.goog/subject/ns/developer-portal/sa/postgres-cluster")
        assert "google_container_cluster.cluster" in synthesized.comes_after(right), "it brings the identity pool"
        assert right.address in synthesized.comes_after(synthesized.releases["postgres-cluster"])


def test_the_database_archives_into_that_bucket(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    backup = prod.values("postgres-cluster")["backup"]
    assert backup["destination"] == f"gs://{prod.one('google_storage_bucket')['name']}/postgres"
    assert backup["credentials"] == {"googleCredentials": {"gkeEnvironment": True}}
    assert {"cidr": "169.254.169.252/32", "port": 988} in backup["identityEndpoints"]

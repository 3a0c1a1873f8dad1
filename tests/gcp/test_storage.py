"""The buckets of backups: who reaches each, and that nothing in them is lost by mistake."""

import pytest

from tests.conftest import StackOf

KEEPING = ("staging-gcp", "prod-gcp")


def test_a_tier_without_backups_has_no_bucket(stack: StackOf) -> None:
    assert stack("dev-gcp").all("google_storage_bucket") == []


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


@pytest.mark.parametrize("name", KEEPING)
def test_these_are_all_the_buckets(stack: StackOf, name: str) -> None:
    assert {bucket.address for bucket in stack(name).all("google_storage_bucket")} == {
        f"google_storage_bucket.{store}" for store in stores(name)
    }


@each_store
def test_the_bucket_is_private_versioned_and_encrypted_by_a_key_of_its_own(
    stack: StackOf, name: str, store: str
) -> None:
    synthesized = stack(name)
    bucket = synthesized.one("google_storage_bucket", store)
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["versioning"]["enabled"] is True
    key = synthesized.one("google_kms_crypto_key", f"{store}_key")
    assert key.address in synthesized.references(bucket)
    (grant,) = synthesized.referring_to(key, "google_kms_crypto_key_iam_member")
    assert grant.address in synthesized.comes_after(bucket), "or the first object cannot be encrypted"


@each_store
def test_nothing_expires_by_age_but_what_was_deleted(stack: StackOf, name: str, store: str) -> None:
    """So every object outlives the retention of whoever wrote it, and its deletion by two weeks."""
    (rule,) = stack(name).one("google_storage_bucket", store)["lifecycle_rule"]
    assert rule["condition"] == {"days_since_noncurrent_time": 14}


@each_store
def test_the_bucket_cannot_be_destroyed_while_it_is_protected(stack: StackOf, name: str, store: str) -> None:
    bucket = stack(name).one("google_storage_bucket", store)
    assert bucket["lifecycle"]["prevent_destroy"] is True
    assert bucket["force_destroy"] is False


@each_store
def test_only_its_own_pods_write_there_and_they_wait_for_the_right(stack: StackOf, name: str, store: str) -> None:
    synthesized = stack(name)
    namespace, account, release = STORES[store]
    bucket = synthesized.one("google_storage_bucket", store)
    rights = synthesized.referring_to(bucket, "google_storage_bucket_iam_member")
    assert {right["role"] for right in rights} == {"roles/storage.objectUser", "roles/storage.legacyBucketReader"}
    for right in rights:
        assert right["member"].endswith(f".svc.id.goog/subject/ns/{namespace}/sa/{account}")
        assert "google_container_cluster.cluster" in synthesized.comes_after(right), "it brings the identity pool"
        assert right.address in synthesized.comes_after(synthesized.releases[release])


def test_the_database_archives_into_that_bucket(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    backup = prod.values("postgres-cluster")["backup"]
    assert backup["destination"] == f"gs://{prod.one('google_storage_bucket', 'database-backups')['name']}/postgres"
    assert backup["credentials"] == {"googleCredentials": {"gkeEnvironment": True}}
    assert {"cidr": "169.254.169.252/32", "port": 988} in backup["identityEndpoints"]


def test_velero_backs_up_into_its_bucket(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    (location,) = prod.values("velero")["configuration"]["backupStorageLocation"]
    assert location["provider"] == "gcp"
    assert location["bucket"] == prod.one("google_storage_bucket", "cluster-backups")["name"]
    assert location["config"]["serviceAccount"], "or the plugin does not start"

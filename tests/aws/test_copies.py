"""Copies in a second region: complete, locked, and forgotten only after the retention."""

import pytest

from portal.aws.copies import may_copy
from portal.spec.loader import Environments
from tests.conftest import StackOf

STORES = ("database-backups", "cluster-backups")


@pytest.mark.parametrize("store", STORES)
def test_production_has_a_locked_copy_elsewhere(stack: StackOf, store: str, environments: Environments) -> None:
    prod, environment = stack("prod-aws"), environments.tiers["prod"]
    copy = prod.one("aws_s3_bucket", f"{store}-copy")
    assert copy["region"] == environment.clouds.aws.data.second_region
    assert copy["object_lock_enabled"] is True
    (lock,) = prod.referring_to(copy, "aws_s3_bucket_object_lock_configuration")
    locked = lock["rule"]["default_retention"]["days"]
    assert locked == environment.backup.retention_days
    (forgets,) = prod.referring_to(copy, "aws_s3_bucket_lifecycle_configuration")
    expires = forgets["rule"][0]["expiration"][0]["days"]
    assert expires > locked + 1, "the first day of the window needs the base backup of the day before"
    (encryption,) = prod.referring_to(copy, "aws_s3_bucket_server_side_encryption_configuration")
    assert "aws_kms_key.keys_copies" in prod.references(encryption)
    # What belongs to the copy lies where the copy does.
    parts = [part for part in prod.referring_to(copy) if part.type.startswith("aws_s3_bucket_")]
    assert len(parts) > 5
    for part in parts:
        if part.type != "aws_s3_bucket_replication_configuration":
            assert part["region"] == copy["region"], part.address


@pytest.mark.parametrize("store", STORES)
def test_every_object_goes_there_and_no_deletion_does(stack: StackOf, store: str) -> None:
    prod = stack("prod-aws")
    (replication,) = prod.referring_to(prod.one("aws_s3_bucket", store), "aws_s3_bucket_replication_configuration")
    (rule,) = replication["rule"]
    assert rule["filter"] == {"prefix": ""}
    assert rule["delete_marker_replication"]["status"] == "Disabled"
    assert rule["source_selection_criteria"]["sse_kms_encrypted_objects"]["status"] == "Enabled", "all of them are"
    versionings = {f"aws_s3_bucket_versioning.{bucket}_versioned" for bucket in (store, f"{store}-copy")}
    assert versionings <= prod.references(replication), "S3 refuses the rule before"


def test_staging_has_no_copy(stack: StackOf) -> None:
    staging = stack("staging-aws")
    assert staging.all("aws_s3_bucket_replication_configuration") == []
    assert "keys_copies" not in {r.address.partition(".")[2] for r in staging.each("aws_kms_key")}


def test_the_copier_reads_the_one_and_writes_the_other() -> None:
    statements = may_copy(source="s", source_key="sk", copy="c", copy_key="ck")
    assert {statement["Resource"] for statement in statements} == {"s", "s/*", "c/*", "sk", "ck"}
    assert not any("*" in str(statement["Action"]) for statement in statements)

"""Backups of an environment: what is looked for is what is written, and one that is missing rings in time."""

import json
from pathlib import Path

import pytest

from portal.aws.backups import in_cluster, objects_of_cluster, runs_inside
from portal.kubernetes.backup import HOURLY, NIGHTLY
from portal.spec.environment import Environment
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack, synthesized, with_tier

KEEPING = ("staging-aws", "prod-aws")


def looked_at(stack: SynthesizedStack) -> list[dict[str, object]]:
    """What the verifier is told to look at."""
    settings = stack.one("aws_lambda_function", "backups_verifier")["environment"]["variables"]["BACKUPS"]
    told: list[dict[str, object]] = json.loads(settings)
    return told


def all_managed(environment: Environment) -> Environment:
    placed = {
        field: getattr(environment.data, field).model_copy(update={"placement": "managed"})
        for field in ("portal_db", "backstage_db")
    }
    return environment.model_copy(update={"data": environment.data.model_copy(update=placed)})


def may_look_at(stack: SynthesizedStack) -> tuple[set[str], set[str]]:
    """Names of the buckets that the verifier may list, identifiers of the databases that it may describe."""
    policy = stack.one("aws_iam_role_policy", "backups_verifier_role_rights")
    found: dict[str, set[str]] = {"aws_s3_bucket": set(), "aws_db_instance": set()}
    for statement in statements(policy["policy"]):
        for arn in statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]:
            type, _, name = arn.removesuffix(".arn").partition(".")
            if type in found:
                resource = stack.one(type, name)
                found[type].add(resource["bucket" if type == "aws_s3_bucket" else "identifier"])
    return found["aws_s3_bucket"], found["aws_db_instance"]


def assert_it_may_look(stack: SynthesizedStack) -> None:
    """Where it may not, it finds none, and rings for a backup that is there."""
    buckets, databases = may_look_at(stack)
    told = looked_at(stack)
    assert {backup["place"] for backup in told if backup["prefix"] is not None} <= buckets
    assert {backup["place"] for backup in told if backup["prefix"] is None} == databases


@pytest.mark.parametrize("name", KEEPING)
def test_the_verifier_may_look_at_what_it_is_told_to(stack: StackOf, name: str) -> None:
    assert_it_may_look(stack(name))


@pytest.mark.parametrize("name", KEEPING)
def test_every_bucket_of_backups_and_every_database_is_looked_at(stack: StackOf, name: str) -> None:
    keeping = stack(name)
    places = {backup["place"] for backup in looked_at(keeping)}
    buckets = {keeping.one("aws_s3_bucket", bucket)["bucket"] for bucket in ("database-backups", "cluster-backups")}
    # A reader has no backups of its own.
    databases = {db["identifier"] for db in keeping.each("aws_db_instance") if not db.get("replicate_source_db")}
    assert places == buckets | databases


def test_without_a_database_in_the_cluster_nobody_waits_for_its_backups(
    environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    """They would never come, and the alarm would ring until nobody heard it any more."""
    prod = environments.tiers["prod"]
    managed = all_managed(prod)
    assert (runs_inside(prod), runs_inside(managed)) == (True, False)
    made = synthesized("prod-aws", with_tier(environments, managed), versions, tmp_path)
    told = {str(backup["name"]) for backup in looked_at(made)}
    assert {"portal-db", "backstage-db", "velero-nightly"} <= told
    assert not {"base backup", "write-ahead log"} & told
    assert_it_may_look(made)


@pytest.mark.parametrize("tier", ["staging", "prod"])
def test_a_backup_that_is_left_out_rings_before_the_next_one_would_hide_it(
    environments: Environments, tier: str
) -> None:
    """Later than its period, or the alarm rings each time; earlier than two, or one that failed goes unnoticed."""
    environment = environments.tiers[tier]
    backups = {backup.name: backup for backup in (*in_cluster("b", environment), *objects_of_cluster("b", environment))}
    assert 24 < backups["base backup"].longest_hours < 48
    assert 24 < backups[f"velero-{NIGHTLY}"].longest_hours < 48
    if environment.backup.level == "continuous":
        # PostgreSQL closes a segment each five minutes.
        assert backups["write-ahead log"].longest_hours <= 1
        assert 1 < backups[f"velero-{HOURLY}"].longest_hours <= 3


def test_a_backup_counts_once_its_last_object_is_there(environments: Environments) -> None:
    """Both write a folder of many objects; one that broke off in the middle restores nothing."""
    environment = environments.tiers["prod"]
    base, log = in_cluster("b", environment)
    assert (base.marker, log.marker) == ("/backup.info", "")
    assert {backup.marker for backup in objects_of_cluster("b", environment)} == {"/velero-backup.json"}


def test_a_second_region_in_the_data_copies_each_bucket_of_backups_there(
    environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    staging = environments.tiers["staging"]
    aws = staging.clouds.aws
    assert aws.data.second_region is None
    data = aws.data.model_copy(update={"second_region": "eu-central-1"})
    clouds = staging.clouds.model_copy(update={"aws": aws.model_copy(update={"data": data})})
    far = with_tier(environments, staging.model_copy(update={"clouds": clouds}))
    made = synthesized("staging-aws", far, versions, tmp_path)
    copied = {copy["bucket"] for copy in made.each("aws_s3_bucket_replication_configuration")}
    assert copied == {f"${{aws_s3_bucket.{store}.id}}" for store in ("database-backups", "cluster-backups")}
    (locked,) = {lock["region"] for lock in made.each("aws_s3_bucket_object_lock_configuration")}
    assert locked == "eu-central-1"

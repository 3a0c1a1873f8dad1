"""RDS: who manages the password, what survives what, and that production is copied elsewhere."""

import json

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf

MANAGED = ("staging-aws", "prod-aws")
NAME = "stores_backstage-db"


def test_dev_has_no_managed_store(stack: StackOf) -> None:
    dev = stack("dev-aws")
    for type in ("aws_db_instance", "aws_elasticache_replication_group", "aws_secretsmanager_secret"):
        assert dev.all(type) == []


@pytest.mark.parametrize("name", MANAGED)
def test_the_database_outlives_a_zone_and_a_mistake(stack: StackOf, name: str) -> None:
    database = stack(name).one("aws_db_instance", NAME)
    assert database["multi_az"] is True
    assert database["deletion_protection"] is True
    assert database["lifecycle"]["prevent_destroy"] is True
    assert database["skip_final_snapshot"] is False
    assert "${random_id." in database["final_snapshot_identifier"], "a fixed name collides at the second destroy"
    assert database["delete_automated_backups"] is False


def test_logs_of_every_instance_have_their_group_before_the_instance_writes(stack: StackOf) -> None:
    """RDS would make one by itself: kept for ever, without our key, and left behind by a destroy."""
    prod = stack("prod-aws")
    instances = prod.all("aws_db_instance")
    assert len(instances) == 2
    groups = {group["name"]: group.address for group in prod.all("aws_cloudwatch_log_group")}
    for instance in instances:
        for log in instance["enabled_cloudwatch_logs_exports"]:
            group = groups[f"/aws/rds/instance/{instance['identifier']}/{log}"]
            assert group in prod.comes_after(instance), group


@pytest.mark.parametrize("name", MANAGED)
def test_backups_are_kept_as_long_as_the_data_say(stack: StackOf, name: str, environments: Environments) -> None:
    retention = environments.tiers[name.removesuffix("-aws")].backup.retention_days
    assert stack(name).one("aws_db_instance", NAME)["backup_retention_period"] == retention


@pytest.mark.parametrize("name", MANAGED)
def test_it_speaks_tls_alone_and_counts_statements(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    database = synthesized.one("aws_db_instance", NAME)
    group = synthesized.one("aws_db_parameter_group")
    assert group.address in synthesized.references(database)
    parameters = {parameter["name"]: parameter for parameter in group["parameter"]}
    assert parameters["rds.force_ssl"]["value"] == "1"
    assert parameters["shared_preload_libraries"]["value"] == "pg_stat_statements"
    assert parameters["shared_preload_libraries"]["apply_method"] == "pending-reboot", "or the apply fails"
    assert group["family"] == f"postgres{database['engine_version']}"


@pytest.mark.parametrize(("name", "insights", "days"), [("staging-aws", "standard", 7), ("prod-aws", "advanced", 465)])
def test_statistics_of_queries_are_kept_as_the_data_say(stack: StackOf, name: str, insights: str, days: int) -> None:
    """The service takes only these two pairs."""
    for database in stack(name).each("aws_db_instance"):
        assert database["database_insights_mode"] == insights
        assert database["performance_insights_enabled"] is True
        assert database["performance_insights_retention_period"] == days


def test_staging_leaves_the_password_to_the_service(stack: StackOf) -> None:
    staging = stack("staging-aws")
    (database,) = staging.all("aws_db_instance")
    assert database["manage_master_user_password"] is True
    assert "aws_kms_key.keys_data" in staging.references(database)
    assert "ephemeral" not in staging.document


def test_production_has_a_reader_so_the_password_is_ours_and_nobody_sees_it(stack: StackOf) -> None:
    """RDS refuses readers of an instance whose password it manages."""
    prod = stack("prod-aws")
    database = prod.one("aws_db_instance", NAME)
    assert database.get("manage_master_user_password") is None
    assert database["password_wo"] == "${ephemeral.random_password.backstage-db.result}"
    (version,) = [v for v in prod.all("aws_secretsmanager_secret_version") if "administrator" in v.address]
    assert json.loads(version["secret_string_wo"])["password"] == database["password_wo"], "one password"
    assert version["secret_string_wo_version"] == database["password_wo_version"], "or the two part"
    reader = prod.one("aws_db_instance", f"{NAME}_reader-1")
    assert database.address in prod.references(reader)
    assert reader.get("password_wo") is None


def test_a_reader_is_made_after_its_source_and_the_copy_after_both(stack: StackOf) -> None:
    """RDS makes neither of an instance that is being changed, and making one of them changes it."""
    prod = stack("prod-aws")
    reader = prod.one("aws_db_instance", f"{NAME}_reader-1")
    copy = prod.one("aws_db_instance_automated_backups_replication")
    assert f"aws_db_instance.{NAME}" in prod.comes_after(reader)
    assert reader.address in prod.comes_after(copy)


def test_a_reader_has_its_sources_key_and_goes_when_the_data_say_so(stack: StackOf) -> None:
    reader = stack("prod-aws").one("aws_db_instance", f"{NAME}_reader-1")
    assert reader.get("kms_key_id") is None, "RDS refuses one in the same region"
    assert not reader.get("deletion_protection")
    assert not (reader.get("lifecycle") or {}).get("prevent_destroy")


def test_the_rotation_reaches_one_database_and_one_secret(stack: StackOf) -> None:
    prod = stack("prod-aws")
    rights = prod.one("aws_iam_role_policy", "stores_backstage-db-rotation_role_rights")
    found = {address for address in prod.references(rights) if address.startswith(("aws_db", "aws_secrets"))}
    assert found == {f"aws_db_instance.{NAME}", f"aws_secretsmanager_secret.{NAME}_administrator"}
    rotation = prod.one("aws_secretsmanager_secret_rotation", f"{NAME}_administrator_rotation")
    assert f"aws_lambda_permission.{NAME}_administrator_rotation-allowed" in prod.references(rotation)


def test_production_is_copied_into_another_region_under_a_key_of_it(stack: StackOf, environments: Environments) -> None:
    prod = stack("prod-aws")
    copy = prod.one("aws_db_instance_automated_backups_replication")
    aws = environments.tiers["prod"].clouds.aws
    assert copy["region"] == aws.data.second_region != aws.region
    assert "aws_kms_key.keys_copies" in prod.references(copy)
    assert prod.one("aws_kms_key", "keys_copies")["region"] == aws.data.second_region


@pytest.mark.parametrize("name", MANAGED)
def test_applications_log_in_by_iam_as_one_user(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert all(database["iam_database_authentication_enabled"] for database in synthesized.each("aws_db_instance"))
    rights = synthesized.one("aws_iam_role_policy", "stores_client_rights")
    assert "rds-db:connect" in rights["policy"]
    assert "/backstage" in rights["policy"], "one user, not every one of the database"
    association = synthesized.one("aws_eks_pod_identity_association", "stores_user")
    assert association["service_account"] == "backstage-backend"

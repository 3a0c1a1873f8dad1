"""Keys: one a purpose, rotated, kept, and each used only as its policy says."""

import re

import pytest

from portal.aws.keys import administered_by_account, used_by_logs, used_through
from tests.conftest import StackOf

ACCOUNT = "123456789012"


@pytest.mark.parametrize(("name", "kept"), [("dev-aws", False), ("staging-aws", True), ("prod-aws", True)])
def test_keys_rotate_and_are_kept_where_data_is_protected(stack: StackOf, name: str, kept: bool) -> None:
    keys = stack(name).all("aws_kms_key")
    shared = [key.address for key in keys if key.address.startswith("aws_kms_key.keys_")]
    copies = ("copies",) if name == "prod-aws" else ()
    edge = ("edge",) if name != "dev-aws" else ()
    purposes = ("cluster", *copies, "data", *edge, "logs", "messages")
    assert shared == [f"aws_kms_key.keys_{purpose}" for purpose in purposes]
    for key in keys:
        assert key["enable_key_rotation"] is True
        assert key["deletion_window_in_days"] == 30, "the longest there is: snapshots outlive their stack"
        assert key["lifecycle"]["prevent_destroy"] is kept
        (alias,) = stack(name).referring_to(key, "aws_kms_alias")
        assert alias["name"] == f"alias/{key['description']}"
        assert alias["target_key_id"] == f"${{{key.address}.key_id}}"


def test_each_key_lets_in_its_users_and_nobody_else(stack: StackOf) -> None:
    prod = stack("prod-aws")
    users = {
        purpose: set(re.findall(r'"Sid" = "(\w+)"', prod.one("aws_kms_key", f"keys_{purpose}")["policy"]))
        for purpose in ("cluster", "copies", "data", "edge", "logs", "messages")
    }
    # EKS uses the key of the cluster with grants that the account's IAM allows.
    assert users == {
        "cluster": {"AccountAdministers"},
        "data": {"AccountAdministers", "UsedThroughService"},
        # Replication uses it with rights of the account's own roles.
        "copies": {"AccountAdministers"},
        "edge": {"AccountAdministers", "LogsEncrypt", "AlarmsEncrypt"},
        "logs": {"AccountAdministers", "LogsEncrypt"},
        "messages": {"AccountAdministers", "AlarmsEncrypt"},
    }
    assert '"kms:ViaService" = "ec2.eu-west-1.amazonaws.com"' in prod.one("aws_kms_key", "keys_data")["policy"]


def test_each_purpose_has_its_own_key(stack: StackOf) -> None:
    prod = stack("prod-aws")
    users = {
        key.address: {r.type for r in prod.referring_to(key)} - {"aws_kms_alias"} for key in prod.all("aws_kms_key")
    }
    assert users["aws_kms_key.keys_cluster"] == {"aws_eks_cluster"}
    assert users["aws_kms_key.keys_logs"] == {"aws_cloudwatch_log_group"}
    assert users["aws_kms_key.keys_messages"] == {
        "aws_iam_role_policy",
        "aws_scheduler_schedule",
        "aws_sns_topic",
        "aws_sqs_queue",
    }
    assert users["aws_kms_key.keys_edge"] == {"aws_cloudwatch_log_group", "aws_sns_topic"}
    assert users["aws_kms_key.keys_copies"] == {
        "aws_db_instance_automated_backups_replication",
        "aws_iam_role_policy",
        "aws_s3_bucket",
        "aws_s3_bucket_replication_configuration",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_secretsmanager_secret",
    }
    assert users["aws_kms_key.keys_data"] == {
        "aws_db_instance",
        "aws_efs_file_system",
        "aws_elasticache_replication_group",
        "aws_lambda_function",
        "aws_secretsmanager_secret",
        "aws_iam_role_policy",
        "aws_instance",
        "aws_launch_template",
        "aws_s3_bucket",
        "aws_s3_bucket_server_side_encryption_configuration",
        "kubernetes_storage_class_v1",
    }


@pytest.mark.parametrize("name", ["dev-aws", "staging-aws", "prod-aws"])
def test_a_log_group_and_a_topic_have_a_key_of_their_own_region(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for resource in (*synthesized.each("aws_cloudwatch_log_group"), *synthesized.each("aws_sns_topic")):
        (key,) = [synthesized.resources[a] for a in synthesized.references(resource) if a.startswith("aws_kms_key.")]
        home = "eu-west-1"
        assert (key.get("region") or home) == (resource.get("region") or home), resource.address


def test_a_use_through_a_service_is_bound_to_service_and_account() -> None:
    statement = used_through("ec2.eu-west-1.amazonaws.com", account=ACCOUNT)
    assert statement["Condition"]["StringEquals"] == {
        "kms:ViaService": "ec2.eu-west-1.amazonaws.com",
        "kms:CallerAccount": ACCOUNT,
    }
    assert "kms:*" not in statement["Action"]


def test_logs_may_use_the_key_for_this_accounts_groups_only() -> None:
    statement = used_by_logs(account=ACCOUNT, region="eu-west-1")
    (pattern,) = statement["Condition"]["ArnLike"].values()
    assert pattern == f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:*"


def test_nobody_outside_the_account_administers_a_key() -> None:
    assert administered_by_account(ACCOUNT)["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}

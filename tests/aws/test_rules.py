"""Rules over everything that AWS stacks hold: who reaches data, which keys encrypt it, what must not be seen.

`pytest -s tests/aws/test_rules.py` prints what was searched for secrets.
"""

import re

import pytest

from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

TIERS = ("dev-aws", "staging-aws", "prod-aws")
each_tier = pytest.mark.parametrize("name", TIERS)

STORES = ("aws_db_instance", "aws_elasticache_replication_group", "aws_efs_mount_target")
MEMBERS = "aws_security_group.cluster_members"


def groups_of(stack: SynthesizedStack, store: Resource) -> set[str]:
    return {address for address in stack.references(store) if address.startswith("aws_security_group.")}


@each_tier
def test_each_data_store_is_reachable_from_the_nodes_group_alone(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    stores = [store for type in STORES for store in synthesized.all(type)]
    assert stores
    for store in stores:
        groups = groups_of(synthesized, store)
        assert len(groups) == 1, store.address
        (group,) = groups
        rules = synthesized.referring_to(synthesized.resources[group], "aws_vpc_security_group_ingress_rule")
        assert len(rules) == 1, group
        assert rules[0]["referenced_security_group_id"] == f"${{{MEMBERS}.id}}"
        assert rules[0].get("cidr_ipv4") is None
        assert synthesized.resources[group].get("ingress") is None
        assert rules[0]["from_port"] == rules[0]["to_port"]


@each_tier
def test_nodes_and_their_pods_are_in_that_group_and_fargate_is_not(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for template in synthesized.all("aws_launch_template"):
        if template.address.startswith("aws_launch_template.cluster_nodes"):
            assert MEMBERS in synthesized.references(template)
    (cni,) = [addon for addon in synthesized.all("aws_eks_addon") if addon["addon_name"] == "vpc-cni"]
    assert MEMBERS in synthesized.references(cni)
    for profile in synthesized.all("aws_eks_fargate_profile"):
        assert MEMBERS not in synthesized.references(profile)


KEY_ARGUMENTS = {
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "aws_db_instance": ("kms_key_id", "performance_insights_kms_key_id"),
    "aws_db_instance_automated_backups_replication": ("kms_key_id",),
    "aws_efs_file_system": ("kms_key_id",),
    "aws_elasticache_replication_group": ("kms_key_id",),
    "aws_lambda_function": ("kms_key_arn",),
    "aws_scheduler_schedule": ("kms_key_arn",),
    "aws_secretsmanager_secret": ("kms_key_id",),
    "aws_sns_topic": ("kms_master_key_id",),
    "aws_sqs_queue": ("kms_master_key_id",),
}


@each_tier
def test_everything_encrypted_names_a_key_of_this_project(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    keys = {key.address for key in synthesized.all("aws_kms_key")}
    for type, arguments in KEY_ARGUMENTS.items():
        for resource in synthesized.all(type):
            for argument in arguments:
                named = re.findall(r"aws_kms_key\.[\w-]+", str(resource.get(argument)))
                assert len(named) == 1, f"{resource.address}.{argument}"
                assert named[0] in keys, f"{resource.address}.{argument}"
    for bucket in synthesized.all("aws_s3_bucket"):
        (encryption,) = synthesized.referring_to(bucket, "aws_s3_bucket_server_side_encryption_configuration")
        (rule,) = encryption["rule"]
        default = rule["apply_server_side_encryption_by_default"]
        if bucket.address in LOG_BUCKETS:
            assert default["sse_algorithm"] == "AES256", "the services that write logs can do nothing else"
        else:
            assert default["sse_algorithm"] == "aws:kms"
            assert keys & synthesized.references(encryption)


LOG_BUCKETS = {"aws_s3_bucket.access-logs"}
"""S3 and load balancers write into buckets with S3's own keys alone."""

STATEFUL = (
    "aws_db_instance",
    "aws_efs_file_system",
    "aws_elasticache_replication_group",
    "aws_kms_key",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
)


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_what_holds_data_cannot_be_destroyed_by_mistake(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for type in STATEFUL:
        resources = synthesized.all(type)
        assert resources, type
        for resource in resources:
            assert resource["lifecycle"]["prevent_destroy"] is True, resource.address


SECRET = re.compile(
    r"""-----BEGIN[ A-Z]*PRIVATE KEY|AKIA[0-9A-Z]{16}|"(?:password|auth_token|secret_string|token)":\s*"(?!\$\{)[^"]+"""
)
SENSITIVE = {
    # Arguments that the provider marks sensitive, or whose value is a secret.
    "aws_db_instance": ("password",),
    "aws_elasticache_replication_group": ("auth_token",),
    "aws_elasticache_user": ("passwords",),
    "aws_secretsmanager_secret_version": ("secret_string", "secret_binary"),
}


@pytest.mark.parametrize("name", [*TIERS, "bootstrap-aws", "shared-aws"])
def test_no_secret_is_in_the_json(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert SECRET.search(synthesized.text) is None
    walked = [
        (resource, argument)
        for type, arguments in SENSITIVE.items()
        for resource in synthesized.all(type)
        for argument in arguments
    ]
    for resource, argument in walked:
        assert resource.get(argument) is None, f"{resource.address}.{argument} would be in the state"
    print(f"\n{name}: {len(synthesized.text):,} characters searched, {len(walked)} arguments walked: no secret")


@each_tier
def test_what_is_write_only_comes_with_its_version(stack: StackOf, name: str) -> None:
    """Without one a provider takes the value once and never again."""
    for resource in stack(name).resources.values():
        for argument in [key for key in resource.body if key.endswith("_wo")]:
            assert resource.get(f"{argument}_version"), f"{resource.address}.{argument}"


@each_tier
def test_an_ephemeral_value_goes_into_write_only_arguments_alone(stack: StackOf, name: str) -> None:
    for resource in stack(name).resources.values():
        for argument, value in resource.body.items():
            if "ephemeral." in str(value):
                assert argument.endswith("_wo"), f"{resource.address}.{argument}"


def test_the_scan_finds_secrets() -> None:
    for planted in ('"password": "hunter2"', "-----BEGIN RSA PRIVATE KEY-----", "AKIA" + "A" * 16):
        assert SECRET.search(planted)
    assert SECRET.search('"password": "${random_password.x.result}"') is None

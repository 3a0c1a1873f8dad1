"""Rules over everything that AWS stacks hold: who reaches data, which keys encrypt it, what must not be seen."""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from cdktf import TerraformResource

from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

TIERS = ("dev-aws", "staging-aws", "prod-aws")
each_tier = pytest.mark.parametrize("name", TIERS)
each_stack = pytest.mark.parametrize("name", [*TIERS, "bootstrap-aws", "shared-aws"])

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
    for group in synthesized.each("aws_eks_node_group"):
        (template,) = (a for a in synthesized.references(group) if a.startswith("aws_launch_template."))
        assert MEMBERS in synthesized.references(synthesized.resources[template]), group.address
    (cni,) = [addon for addon in synthesized.all("aws_eks_addon") if addon["addon_name"] == "vpc-cni"]
    assert MEMBERS in synthesized.references(cni)
    profiles = synthesized.all("aws_eks_fargate_profile")
    assert bool(profiles) is (name == "staging-aws")
    for profile in profiles:
        assert MEMBERS not in synthesized.references(profile)


KEY = re.compile(r"(^|_)kms_(master_)?key(_id|_arn)?$|^key_arn$|^kmsKeyId$")
"""How arguments are called that take a key."""
WITHOUT_KEY = {
    # Type and argument -> why nothing is given.
    "aws_db_instance.master_user_secret_kms_key_id": "of the password that RDS manages, where it does",
    "aws_lambda_function.source_kms_key_arn": "of code that lies in a bucket; ours is sent",
}
READERS = re.compile(r"aws_db_instance\..*_reader-\d+$")
"""Of a database in the same region: they have its key, and RDS refuses to be told."""


@cache
def key_arguments(type: str) -> list[str]:
    """Those of a resource that take a key, by its binding."""
    module = importlib.import_module(f"cdktf_cdktf_provider_aws.{type.removeprefix('aws_')}")
    (binding,) = (
        each for each in vars(module).values() if inspect.isclass(each) and TerraformResource in each.__bases__
    )
    arguments = [name for name in inspect.signature(binding.__init__).parameters if KEY.search(name)]
    return [argument for argument in arguments if f"{type}.{argument}" not in WITHOUT_KEY]


def blocks(value: Any) -> Iterator[Mapping[str, Any]]:
    """A resource's arguments, and each block in them."""
    if isinstance(value, Mapping):
        yield value
        yield from (block for item in value.values() for block in blocks(item))
    elif isinstance(value, list):
        yield from (block for item in value for block in blocks(item))


@each_stack
def test_everything_encrypted_names_a_key_of_this_project(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    keys = {key.address for key in synthesized.all("aws_kms_key")}
    for address, resource in synthesized.resources.items():
        takes = key_arguments(resource.type) if resource.type.startswith("aws_") else []
        missing = {argument for argument in takes if not resource.get(argument)}
        assert missing == ({"kms_key_id"} if READERS.match(address) else set()), address
        for block in blocks(resource.body):
            named = {argument: str(value) for argument, value in block.items() if KEY.search(argument)}
            assert named or str(block.get("encrypted")).lower() != "true", f"{address}: with a key of AWS's own"
            for argument, value in named.items():
                assert set(re.findall(r"aws_kms_key\.[\w-]+", value)) & keys, f"{address}: {argument}"


@each_stack
def test_every_bucket_is_encrypted(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for bucket in synthesized.each("aws_s3_bucket"):
        (encryption,) = synthesized.referring_to(bucket, "aws_s3_bucket_server_side_encryption_configuration")
        (rule,) = encryption["rule"]
        default = rule["apply_server_side_encryption_by_default"]
        # With a key, the rule over all keys says whose.
        expected = "AES256" if bucket.address in LOG_BUCKETS else "aws:kms"
        assert default["sse_algorithm"] == expected, bucket.address
        assert ("kms_master_key_id" in default) == (expected == "aws:kms"), bucket.address


LOG_BUCKETS = {"aws_s3_bucket.access-logs"}
"""S3 and load balancers write into buckets with S3's own keys alone."""

STATEFUL = (
    "aws_db_instance",
    "aws_ecr_repository",
    "aws_efs_file_system",
    "aws_eks_cluster",
    "aws_elasticache_replication_group",
    "aws_kms_key",
    "aws_route53_zone",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
)
MADE_ANEW = {
    "aws_route53_zone.load-generators_zone": "names inside the network, all of them Terraform's",
    "aws_db_instance.stores_backstage-db_reader-1": "what it holds is the primary's",
}


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws", "bootstrap-aws", "shared-aws"])
def test_what_holds_data_cannot_be_destroyed_by_mistake(stack: StackOf, name: str) -> None:
    holding = [resource for type in STATEFUL for resource in stack(name).all(type)]
    assert holding
    for resource in holding:
        kept = (resource.get("lifecycle") or {}).get("prevent_destroy") is True
        assert kept != (resource.address in MADE_ANEW), resource.address


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

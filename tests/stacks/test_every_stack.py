"""Facts that hold for every stack, read from its JSON."""

import getpass
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from portal.spec.loader import Environments
from tests.conftest import ROOT, StackOf
from tests.kubernetes.test_release import ALL_STACKS, EVERY_STACK
from tests.synthesized import SynthesizedStack

LEAVES = {
    # What acts on its neighbours by being there. Each entry says why nothing refers to it.
    "aws_default_security_group": "empties a group that the VPC brings",
    "aws_cloudwatch_log_delivery": "writes the distribution's requests down",
    "aws_cloudwatch_metric_alarm": "rings by itself",
    "aws_efs_backup_policy": "a setting of the file system",
    "aws_eks_access_policy_association": "lets plans and people into the cluster",
    "aws_eks_fargate_profile": "takes the pods of a load test, when the data ask for one",
    "aws_flow_log": "watches the VPC",
    "aws_kms_alias": "names a key for people",
    "aws_lb_listener": "sends plain requests to HTTPS",
    "aws_route53_record": "gives the load balancer its name",
    "aws_wafv2_web_acl_association": "sets a firewall before the load balancer",
    "aws_wafv2_web_acl_logging_configuration": "writes a firewall's doings down",
    "aws_vpc_security_group_egress_rule": "a line of a security group",
    "aws_vpc_security_group_ingress_rule": "a line of a security group",
    "aws_s3_bucket_logging": "a setting of a bucket",
    "aws_s3_bucket_object_lock_configuration": "a setting of a bucket",
    "aws_s3_bucket_replication_configuration": "copies a bucket",
    "aws_scheduler_schedule": "calls a function",
    "aws_secretsmanager_secret_policy": "a setting of a secret",
    "aws_sns_topic_policy": "a setting of a topic",
    "aws_sns_topic_subscription": "tells people",
    "azurerm_monitor_diagnostic_setting": "sends logs",
    "azurerm_subnet_network_security_group_association": "guards a subnet that holds no data yet",
    "kubernetes_config_map_v1": "tells Fargate where output goes",
    "helm_release": "the last release of the chain is what the stack is for",
}


LEAVES_OF_ACCOUNTS = {
    # What bootstrap and shared stacks leave for others to use, or what guards an account by being there.
    "aws_accessanalyzer_analyzer": "watches the account",
    "aws_budgets_budget": "watches the account",
    "aws_cloudtrail": "watches the account",
    "aws_ebs_encryption_by_default": "a setting of the account",
    "aws_ebs_snapshot_block_public_access": "a setting of the account",
    "aws_ec2_instance_metadata_defaults": "a setting of the account",
    "aws_ecr_lifecycle_policy": "a setting of a repository",
    "aws_ecr_repository_policy": "a setting of a repository",
    "aws_guardduty_detector_feature": "a setting of the detector",
    "aws_iam_role_policy": "rights of a role that CI takes",
    "aws_iam_role_policy_attachment": "rights of a role that CI takes",
    "aws_kms_alias": "names a key for people",
    "aws_route53_record": "delegates a zone",
    "aws_s3_account_public_access_block": "a setting of the account",
    "aws_s3_bucket_lifecycle_configuration": "a setting of the state's bucket, which backends name",
    "aws_s3_bucket_policy": "a setting of the state's bucket, which backends name",
    "aws_s3_bucket_server_side_encryption_configuration": "a setting of the state's bucket, which backends name",
    "aws_s3_bucket_versioning": "a setting of the state's bucket, which backends name",
    "aws_securityhub_standards_subscription": "what Security Hub checks",
}


def unused(synthesized: SynthesizedStack) -> dict[str, str]:
    """Address -> type of what nothing refers to."""
    used = {target for targets in synthesized.edges.values() for target in targets}
    return {address: r.type for address, r in synthesized.resources.items() if address not in used}


def leaves(name: str) -> dict[str, str]:
    return LEAVES if name in EVERY_STACK else LEAVES_OF_ACCOUNTS


@pytest.mark.parametrize("name", ALL_STACKS)
def test_every_resource_has_a_consumer(stack: StackOf, name: str) -> None:
    orphans = {address for address, type in unused(stack(name)).items() if type not in leaves(name)}
    assert orphans == set()


def test_each_reason_for_a_leaf_is_needed(stack: StackOf) -> None:
    for stacks, reasons in ((EVERY_STACK, LEAVES), (set(ALL_STACKS) - set(EVERY_STACK), LEAVES_OF_ACCOUNTS)):
        found = {type for name in stacks for type in unused(stack(name)).values()}
        assert set(reasons) - found == set()


@pytest.mark.parametrize("name", ALL_STACKS)
def test_nothing_of_this_machine_or_moment_is_in_the_json(stack: StackOf, name: str) -> None:
    text = stack(name).text
    assert not re.search(r"(?i)tftoken\[", text)
    assert not re.search(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d", text)
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert not re.search(rf'"/(home|Users|tmp|var|work|{re.escape(getpass.getuser())})/', text)


@pytest.mark.parametrize("name", ALL_STACKS)
def test_state_is_remote_encrypted_and_of_this_stack_alone(stack: StackOf, name: str) -> None:
    (kind, backend) = next(iter(stack(name).document["terraform"]["backend"].items()))
    if name == "local":
        assert (kind, backend["path"]) == ("local", "../../../local.tfstate")
    elif kind == "s3":
        assert backend["key"] == f"{name}.tfstate"
        assert backend["encrypt"] is True
        assert backend["use_lockfile"] is True
        assert backend["allowed_account_ids"]
    elif kind == "gcs":
        assert backend["prefix"] == name
    else:
        assert kind == "azurerm"
        assert backend["key"] == f"{name}.tfstate"
        assert backend["use_azuread_auth"] is True


@pytest.mark.parametrize("name", ALL_STACKS)
def test_no_stack_reads_another(stack: StackOf, name: str) -> None:
    assert "terraform_remote_state" not in stack(name).text


@pytest.mark.parametrize("name", ALL_STACKS)
def test_old_terraform_is_refused_by_terraform_itself(stack: StackOf, name: str) -> None:
    assert stack(name).document["terraform"]["required_version"] == ">= 1.11.0"


def test_local_holds_nothing_of_a_cloud(stack: StackOf) -> None:
    types = {resource.type for resource in stack("local").resources.values()}
    assert {type.partition("_")[0] for type in types} == {"helm", "kubernetes", "time"}
    assert set(stack("local").document["provider"]) == {"helm", "kubernetes", "time"}


def test_environment_stacks_exist_for_every_tier_and_cloud(environments: Environments) -> None:
    clouds = ("aws", "gcp", "azure")
    assert set(EVERY_STACK) == {f"{tier}-{cloud}" for tier in environments.tiers for cloud in clouds} | {"local"}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_what_holds_data_cannot_be_destroyed_where_it_is_protected(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    kept = {a for a, r in synthesized.resources.items() if (r.get("lifecycle") or {}).get("prevent_destroy")}
    if name.startswith(("dev", "local")):
        assert kept == set()
    else:
        stores = {synthesized.releases[name].address for name in ("postgres-cluster", "redis-failover")}
        namespaces = {namespace.address for namespace in synthesized.each("kubernetes_namespace_v1")}
        assert stores | namespaces <= kept


@pytest.mark.slow
def test_two_syntheses_from_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    outputs = []
    for place in ("one", "two places further"):
        root = tmp_path / place
        for part in ("main.py", "environments", "constructs"):
            source = ROOT / part
            target = root / part
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        environment = {key: value for key, value in os.environ.items() if key != "NODE_OPTIONS"}
        subprocess.run([sys.executable, "main.py"], cwd=root, check=True, env=environment)
        outputs.append(_files(root / "cdktf.out"))
    assert outputs[0].keys() == outputs[1].keys()
    assert outputs[0] == outputs[1]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}

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
from tests.kubernetes.test_release import EVERY_STACK

LEAVES = {
    # What acts on its neighbours by being there. Each entry says why nothing refers to it.
    "aws_default_security_group": "empties a group that the VPC brings",
    "aws_flow_log": "watches the VPC",
    "aws_kms_alias": "names a key for people",
    "azurerm_monitor_diagnostic_setting": "sends logs",
    "azurerm_subnet_network_security_group_association": "guards a subnet that holds no data yet",
    "helm_release": "the last release of the chain is what the stack is for",
}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_resource_has_a_consumer(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    used = {target for targets in synthesized.edges.values() for target in targets}
    # Providers refer to what they connect to.
    orphans = {a for a, r in synthesized.resources.items() if a not in used and r.type not in LEAVES}
    assert orphans == set()


def test_each_reason_for_a_leaf_is_needed(stack: StackOf) -> None:
    unreferenced = set()
    for name in EVERY_STACK:
        synthesized = stack(name)
        used = {target for targets in synthesized.edges.values() for target in targets}
        unreferenced |= {r.type for a, r in synthesized.resources.items() if a not in used}
    assert set(LEAVES) - unreferenced == set()


@pytest.mark.parametrize("name", EVERY_STACK)
def test_nothing_of_this_machine_or_moment_is_in_the_json(stack: StackOf, name: str) -> None:
    text = stack(name).text
    assert not re.search(r"(?i)tftoken\[", text)
    assert not re.search(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d", text)
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert not re.search(rf'"/(home|Users|tmp|var|work|{re.escape(getpass.getuser())})/', text)


@pytest.mark.parametrize("name", EVERY_STACK)
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


@pytest.mark.parametrize("name", EVERY_STACK)
def test_no_stack_reads_another(stack: StackOf, name: str) -> None:
    assert "terraform_remote_state" not in stack(name).text


@pytest.mark.parametrize("name", EVERY_STACK)
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
        namespaces = {namespace.address for namespace in synthesized.all("kubernetes_namespace_v1")}
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

"""Acceptance, from synthesized folders to refusals, with the real Terraform.

The machinery is tried with stacks of `terraform_data`, which is built in. What only real providers can refuse is tried
with those that `terraform init` finds here.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.app import stacks
from portal.errors import PortalError
from portal.review.accept import AcceptReport, StackResult, accept
from portal.spec.loader import load_environments
from portal.spec.versions import load_versions
from tests.conftest import ROOT, StackOf
from tests.review.documents import google_stack, small_stack

STACKS = list(stacks(load_environments(ROOT / "environments"), load_versions()))
AFTER_APPLY = {"precondition": {"condition": '${terraform_data.first.id == ""}', "error_message": "no id"}}


def write(folder: Path, name: str, document: dict[str, Any]) -> Path:
    """Puts a stack into a `stacks` folder; returns that folder."""
    file = folder / name / "cdk.tf.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(document), encoding="utf-8")
    return folder


def judged(folder: Path, *names: str) -> AcceptReport:
    return accept(stacks_folder=folder, stacks=names, report=lambda _: None)


def of_small(folder: Path, document: dict[str, Any]) -> StackResult:
    """The result for a document; skips the test if a provider that it needs is not to be had."""
    report = judged(write(folder, "small", document))
    for provider in report.missing:
        pytest.skip(f"provider {provider.name} {provider.version} not found by terraform init: {provider.reason}")
    (result,) = report.stacks
    return result


@pytest.fixture
def no_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform is configured to look for providers in an empty folder only."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    configuration = tmp_path / "terraform.rc"
    configuration.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(configuration))


def test_a_sound_stack_is_accepted_whole_and_its_folder_is_left_alone(tmp_path: Path) -> None:
    stack = small_stack({"first": ("terraform_data", {}), "second": ("terraform_data", {"input": 1})})
    folder = write(tmp_path / "stacks", "small", stack)
    report = judged(folder)
    assert report.exit_code == 0
    assert (report.stacks[0].accepted, report.stacks[0].resources) == (2, 2)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["cdk.tf.json"]


def test_a_misspelt_argument_is_refused_by_validation_and_what_needs_it_is_not_accepted(tmp_path: Path) -> None:
    stack = small_stack(
        {
            "first": ("terraform_data", {"imput": 1}),
            "second": ("terraform_data", {"input": "${terraform_data.first.id}"}),
            "third": ("terraform_data", {}),
        }
    )
    result = of_small(tmp_path, stack)
    (refusal,) = result.refusals
    assert (refusal.stage, refusal.construct, refusal.argument) == ("validate", "small/first/Default", "imput")
    assert result.accepted == 1
    assert result.not_tried == ("apply and plan: the configuration is not valid",)


def test_a_refusal_of_no_resource_accepts_none(tmp_path: Path) -> None:
    stack = small_stack({"first": ("terraform_data", {})}, output={"x": {"value": "${terraform_data.second.id}"}})
    result = of_small(tmp_path, stack)
    assert [refusal.construct for refusal in result.refusals] == ["output.x"]
    assert (result.accepted, result.resources) == (0, 1)


def test_a_value_known_only_after_apply_is_refused_by_the_apply(tmp_path: Path) -> None:
    stack = small_stack({"first": ("terraform_data", {}), "second": ("terraform_data", {"lifecycle": AFTER_APPLY})})
    (refusal,) = of_small(tmp_path, stack).refusals
    assert (refusal.stage, refusal.construct) == ("apply", "small/second/Default")
    assert "no id" in refusal.message


def test_a_protected_resource_does_not_fail_the_end_of_a_test(tmp_path: Path) -> None:
    stack = small_stack({"first": ("terraform_data", {"lifecycle": {"prevent_destroy": True}})})
    assert of_small(tmp_path, stack).refusals == ()


@pytest.mark.usefixtures("no_providers")
def test_stacks_whose_providers_are_missing_do_not_keep_others_from_being_judged(tmp_path: Path) -> None:
    folder = write(tmp_path / "stacks", "google", google_stack())
    write(folder, "plain", small_stack({"first": ("terraform_data", {})}))
    report = judged(folder)
    assert report.exit_code == 2
    assert [(provider.name, provider.version) for provider in report.missing] == [("google", "6.50.0")]
    assert str(tmp_path / "mirror") in report.missing[0].reason
    results = {result.stack: (result.accepted, result.lacking) for result in report.stacks}
    assert results == {"google": (0, ("google",)), "plain": (1, ())}


@pytest.mark.usefixtures("no_providers")
def test_stacks_that_differ_in_a_version_are_told_so(tmp_path: Path) -> None:
    older = google_stack()
    older["terraform"]["required_providers"]["google"]["version"] = "6.49.0"
    folder = write(tmp_path / "stacks", "a", google_stack())
    write(folder, "b", older)
    write(folder, "c", google_stack())
    assert [provider.version for provider in judged(folder).missing] == ["6.50.0, 6.49.0"]


def test_only_the_named_stacks_are_judged_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path, "one", small_stack({"first": ("terraform_data", {})}))
    write(folder, "two", small_stack({"first": ("terraform_data", {})}))
    assert [result.stack for result in judged(folder, "two").stacks] == ["two"]
    with pytest.raises(PortalError, match="three"):
        judged(folder, "three")


@pytest.fixture
def fake_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`fake_terraform(script)`: a `terraform` on PATH that knows its version and else runs the shell script."""

    def install(script: str) -> None:
        program = tmp_path / "bin" / "terraform"
        program.parent.mkdir()
        version = """if [ "$1" = version ]; then echo '{"terraform_version": "1.11.4"}'; exit; fi"""
        program.write_text(f"#!/bin/sh\n{version}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return install


def test_a_terraform_that_dies_without_a_word_accepts_nothing(
    tmp_path: Path, fake_terraform: Callable[[str], None]
) -> None:
    fake_terraform('if [ "$1" = init ]; then exit 0; fi; echo "Killed"; exit 137')
    folder = write(tmp_path / "stacks", "small", small_stack({"first": ("terraform_data", {})}))
    with pytest.raises(PortalError, match=r"validate.*exit code 137.*\n.*Killed"):
        judged(folder)


def test_terraform_is_told_nothing_of_the_users_cluster_and_arguments(
    tmp_path: Path, fake_terraform: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "KUBE_HOST", "HELM_KUBECONTEXT", "TF_CLI_ARGS_test", "TF_DATA_DIR", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "of-the-user")
    fake_terraform(f"env > {tmp_path}/environment; exit 1")
    with pytest.raises(PortalError):
        judged(write(tmp_path / "stacks", "small", small_stack({"first": ("terraform_data", {})})))
    inherited = [line for line in (tmp_path / "environment").read_text().splitlines() if line.endswith("=of-the-user")]
    assert inherited == ["HTTPS_PROXY=of-the-user"]


def test_an_old_terraform_is_an_error(tmp_path: Path, fake_terraform: Callable[[str], None]) -> None:
    fake_terraform("exit 1")
    program = tmp_path / "bin" / "terraform"
    program.write_text(program.read_text().replace("1.11.4", "1.9.8"))
    with pytest.raises(PortalError, match=r"Terraform 1\.9\.8; 1\.11 or newer"):
        judged(write(tmp_path / "stacks", "small", small_stack({})))


def test_an_interrupt_stops_terraform_and_leaves_no_temporary_folder(
    tmp_path: Path, fake_terraform: Callable[[str], None]
) -> None:
    fake_terraform(f"trap 'touch {tmp_path}/stopped; exit 1' INT; sleep 60 & echo $! > {tmp_path}/plugin; wait")
    folder = write(tmp_path / "stacks", "small", small_stack({"first": ("terraform_data", {})}))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    script = f"""
        from pathlib import Path
        from portal.review.accept import accept
        accept(stacks_folder=Path({str(folder)!r}), stacks=[], report=print)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "constructs"), "TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "plugin").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert (tmp_path / "stopped").exists()
    assert list(temporary.iterdir()) == []
    plugin = (tmp_path / "plugin").read_text().strip()
    state = subprocess.run(["ps", "-o", "state=", "-p", plugin], capture_output=True, text=True, check=False)
    # A killed process that nobody waits for is a zombie until the system's first process takes note.
    assert (state.stdout.strip() or "Z") == "Z"


def test_a_wrong_enumeration_and_a_conflict_are_refused_and_told_of_their_constructs(tmp_path: Path) -> None:
    stack = google_stack(nat={"nat_ip_allocate_option": "SOMEHOW"}, cluster={"remove_default_node_pool": True})
    result = of_small(tmp_path, stack)
    found = {(refusal.construct, refusal.argument): refusal.message for refusal in result.refusals}
    assert found.keys() == {
        ("small/network/nat/Default", "nat_ip_allocate_option"),
        ("small/cluster/Default", "remove_default_node_pool"),
    }
    assert "SOMEHOW" in found["small/network/nat/Default", "nat_ip_allocate_option"]
    assert "conflicts with enable_autopilot" in found["small/cluster/Default", "remove_default_node_pool"]
    assert (result.accepted, result.resources) == (3, 5)


@pytest.mark.slow
def test_an_argument_that_is_wrong_only_after_apply_is_refused(tmp_path: Path) -> None:
    stack = google_stack(address={"name": "Not A Name ${google_compute_network.network.id}"})
    refusals = of_small(tmp_path, stack).refusals
    places = {(refusal.stage, refusal.construct, refusal.argument) for refusal in refusals}
    assert places == {("apply", "small/network/address/Default", "name")}


@pytest.mark.slow
def test_values_that_the_schema_of_an_own_chart_refuses_are_refused_by_the_plan(tmp_path: Path) -> None:
    """Of two faults each is found, though one release depends on the other."""
    providers = {"kubernetes": [{"config_path": "~/.kube/config"}], "helm": [{}]}
    release = {"chart": "assets/own", "lint": True, "values": ['{"replicas": "many"}'], "name": "own"}
    gone = {"chart": "assets/gone", "name": "gone", "depends_on": ["helm_release.own"]}
    stack = small_stack({"own": ("helm_release", release), "gone": ("helm_release", gone)}, providers=providers)
    chart = tmp_path / "small" / "assets" / "own"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: own, version: 1.0.0}")
    (chart / "values.schema.json").write_text('{"properties": {"replicas": {"type": "integer"}}}')
    (tmp_path / "small" / "cdk.tf.json").write_text(json.dumps(stack))
    report = judged(tmp_path)
    for provider in report.missing:
        pytest.skip(f"provider {provider.name} {provider.version} not found by terraform init: {provider.reason}")
    found = {refusal.construct: (refusal.stage, refusal.message) for refusal in report.stacks[0].refusals}
    assert found.keys() == {"small/own/Default", "small/gone/Default"}
    assert {stage for stage, _ in found.values()} == {"plan"}
    assert "replicas" in found["small/own/Default"][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_the_real_providers_accept_a_stack(name: str, stack: StackOf) -> None:
    report = judged(stack(name).file.parent.parent, name)
    for provider in report.missing:
        pytest.skip(f"provider {provider.name} {provider.version} not found by terraform init: {provider.reason}")
    (result,) = report.stacks
    assert [(refusal.construct, refusal.message) for refusal in result.refusals] == []
    assert result.accepted == result.resources

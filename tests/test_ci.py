"""What workflows are told: no stack too few, and no role that is not theirs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal import __main__ as cli
from portal.ci import affected, aws_login, image_push
from portal.commands import affected as command
from portal.errors import PortalError
from portal.spec.loader import Environments
from tests.conftest import ROOT, StackOf


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal syntheses of three stacks, one with a chart."""
    for side in ("base", "head"):
        for name in ("dev-aws", "prod-aws", "prod-gcp"):
            (tmp_path / side / name / "assets").mkdir(parents=True)
            (tmp_path / side / name / "cdk.tf.json").write_text("{}")
        (tmp_path / side / "prod-aws" / "assets" / "values.yaml").write_text("a: 1")
    return tmp_path / "base", tmp_path / "head"


def test_equal_syntheses_touch_nothing(folders: tuple[Path, Path]) -> None:
    assert affected(*folders) == []


def test_a_changed_document_a_changed_chart_and_a_new_stack_count(folders: tuple[Path, Path]) -> None:
    base, head = folders
    (head / "prod-gcp" / "cdk.tf.json").write_text('{"a": 1}')
    (head / "prod-aws" / "assets" / "values.yaml").write_text("a: 2")
    (head / "staging-aws").mkdir()
    (head / "staging-aws" / "cdk.tf.json").write_text("{}")
    assert affected(base, head) == ["prod-aws", "prod-gcp", "staging-aws"]


def test_a_chart_file_that_went_counts(folders: tuple[Path, Path]) -> None:
    base, head = folders
    (head / "prod-aws" / "assets" / "values.yaml").unlink()
    assert affected(base, head) == ["prod-aws"]


def test_a_folder_without_stacks_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(PortalError, match="holds no synthesized stack"):
        affected(tmp_path / "nowhere", folders[1])


def test_the_command_prints_what_ci_plans_as_json(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = folders
    for name in ("prod-aws", "prod-gcp"):
        (head / name / "cdk.tf.json").write_text("[]")
    monkeypatch.setattr(command, "OUTPUT", head)
    assert cli.main(["affected", str(base)]) == 0
    assert json.loads(capsys.readouterr().out) == ["prod-aws"]


@pytest.mark.parametrize(("to", "role"), [("plan", "portal-plan"), ("deploy", "portal-deploy")])
def test_a_job_takes_a_role_that_the_bootstrap_makes(
    environments: Environments, stack: StackOf, to: str, role: str
) -> None:
    login = aws_login(environments, stack="prod-aws", to=to)  # type: ignore[arg-type]
    assert login.role_arn == f"arn:aws:iam::333333333333:role/{role}"
    made = {r["name"] for r in stack("bootstrap-aws").all("aws_iam_role") if "333333333333" in r.address}
    assert role in made


@pytest.mark.parametrize("name", ["bootstrap-aws", "shared-aws", "prod-gcp", "local", "moon"])
def test_what_ci_may_not_touch_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["login", name, "--to", "deploy"]) == 2
    assert f"No job may deploy {name}" in capsys.readouterr().err


def test_an_image_is_pushed_by_a_role_that_the_bootstrap_makes_into_a_repository_that_is_there(
    environments: Environments, stack: StackOf
) -> None:
    push = image_push(environments, image="portal/loadtest")
    made = {r["name"] for r in stack("bootstrap-aws").all("aws_iam_role") if "444444444444" in r.address}
    assert push.login.role_arn.rpartition("/")[2] in made
    registry, _, name = push.repository.partition("/")
    assert registry == "444444444444.dkr.ecr.eu-west-1.amazonaws.com"
    assert name in {each["name"] for each in stack("shared-aws").all("aws_ecr_repository")}


def test_an_image_that_is_built_elsewhere_is_not_pushed_from_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["login", "portal/frontend", "--to", "push"]) == 2
    assert "No job may push portal/frontend" in capsys.readouterr().err


def test_images_are_pushed_from_the_environment_that_is_trusted_and_by_nothing_that_others_propose(
    environments: Environments,
) -> None:
    loaded = workflow("loadtest-image")
    pushing = {name: job for name, job in loaded["jobs"].items() if "id-token" in job["permissions"]}
    assert set(pushing) == {"build", "publish"}
    assert {job["environment"] for job in pushing.values()} == {environments.shared.github_environments.images}
    # YAML takes the key `on` for a truth.
    assert set(loaded[True]) == {"push", "workflow_dispatch"}
    assert loaded[True]["push"]["branches"] == ["main"]


def test_the_login_is_printed_as_outputs_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["login", "dev-aws", "--to", "plan"]) == 0
    assert capsys.readouterr().out == "role=arn:aws:iam::111111111111:role/portal-plan\nregion=eu-west-1\n"


def workflow(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yaml").read_text())
    return loaded


def test_each_stack_is_deployed_from_the_github_environment_that_its_account_trusts(
    environments: Environments,
) -> None:
    jobs = workflow("deploy")["jobs"].values()
    deployed = {job["with"]["stack"]: job["with"]["environment"] for job in jobs}
    trusted = environments.shared.github_environments.deploy
    assert deployed == {f"{tier}-aws": name for tier, name in trusted.items()}


def test_production_comes_after_staging_and_staging_after_dev() -> None:
    jobs = workflow("deploy")["jobs"]
    assert (jobs["staging"]["needs"], jobs["production"]["needs"]) == ("dev", "staging")


def test_plans_run_in_the_trusted_environment_and_not_for_forks(environments: Environments) -> None:
    jobs = workflow("plan")["jobs"]
    assert jobs["plan"]["environment"] == environments.shared.github_environments.plan
    assert "head.repo.full_name == github.repository" in jobs["affected"]["if"]
    assert jobs["plan"]["needs"] == "affected"


def test_a_deploy_may_last_as_long_as_its_session(stack: StackOf) -> None:
    job = workflow("deploy-stack")["jobs"]["deploy"]
    (asked,) = (
        s["with"]["role-duration-seconds"] for s in job["steps"] if "role-duration-seconds" in s.get("with", {})
    )
    assert job["timeout-minutes"] * 60 <= asked
    roles = [r for r in stack("bootstrap-aws").all("aws_iam_role") if r["name"] == "portal-deploy"]
    assert roles
    for role in roles:
        assert role["max_session_duration"] >= asked


def test_no_workflow_holds_a_key() -> None:
    for file in sorted((ROOT / ".github").rglob("*.yaml")):
        assert "${{ secrets." not in file.read_text(), file


def test_jobs_get_no_right_that_they_do_not_name() -> None:
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yaml")):
        assert workflow(file.stem)["permissions"] == {}, file

"""What the commands print and how they end, with the work itself replaced."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from portal import __main__ as cli
from portal import synthesis
from portal.commands import accept, bench, diagrams, preflight, schema, synth, terminal
from portal.errors import PortalError
from portal.prerequisites import check_node
from portal.spec.types import Spec
from portal.synthesis import chosen_stacks, stack_names
from tests.conftest import ROOT, StackOf
from tests.kubernetes.test_release import ALL_STACKS

CLI_ERRORS = """cdktf encountered an error while synthesizing

Command output on stderr:

    environments/prod.yaml is not valid (1 problem):
      line 14  portal.domain = x   is wrong
    Nothing was synthesized.
"""


def test_the_apps_message_is_taken_out_of_what_the_cli_wraps_around_it() -> None:
    assert synth._message_of_app(CLI_ERRORS).splitlines() == [
        "environments/prod.yaml is not valid (1 problem):",
        "  line 14  portal.domain = x   is wrong",
        "Nothing was synthesized.",
    ]
    assert synth._message_of_app("Usage Error: no app") == ""


@pytest.mark.parametrize(
    ("stderr", "message"), [(CLI_ERRORS, "environments/prod.yaml is not valid"), ("no such app", "no such app")]
)
def test_a_failed_synthesis_is_an_error_and_not_the_last_output(
    stderr: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, stdout="", stderr=stderr)
    )
    assert cli.main(["synth"]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_a_stack_is_shown_by_construct(
    stack: StackOf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = stack("local").file
    monkeypatch.setattr(synth, "_synthesize", lambda: None)
    monkeypatch.setattr(synth, "chosen_stacks", lambda names: names or ["local"])
    monkeypatch.setattr(synth, "OUTPUT", ROOT / "nowhere")
    monkeypatch.setattr(synth, "read_stack", lambda name: synthesis.read_stack(name, file.parent.parent))
    assert cli.main(["synth", "local"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (database,) = [line for line in lines if "platform/database" in line]
    assert {"1", "helm_release"} <= set(database)


def test_all_stacks_side_by_side_fit_a_terminal(
    stack: StackOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ALL_STACKS:
        (tmp_path / name).symlink_to(stack(name).file.parent)
    monkeypatch.setattr(synth, "_synthesize", lambda: None)
    monkeypatch.setattr(synth, "OUTPUT", tmp_path)
    monkeypatch.setattr(synth, "ROOT", tmp_path)
    monkeypatch.setattr(synth, "chosen_stacks", lambda names: sorted(ALL_STACKS))
    monkeypatch.setattr(synth, "read_stack", lambda name: synthesis.read_stack(name, tmp_path))
    monkeypatch.setattr(synth, "console", lambda: terminal.console(pipe_columns=128))
    assert cli.main(["synth"]) == 0
    printed = capsys.readouterr().out
    assert "…" not in printed
    rows = {cells[0]: cells[1:] for line in printed.splitlines() if (cells := line.split())}
    assert rows["all"] == [str(len(stack(name).resources)) for name in sorted(ALL_STACKS)]
    assert rows["ops-host"].count("-") == len(ALL_STACKS) - 1


def test_a_stack_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(PortalError, match="run `make synth` first"):
        stack_names(tmp_path)
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cdk.tf.json").write_text("{}")
    assert chosen_stacks([], tmp_path) == ["a", "b"]
    assert chosen_stacks(["b"], tmp_path) == ["b"]
    with pytest.raises(PortalError, match=r"There is no stack c\. The stacks are: a, b\."):
        chosen_stacks(["c"], tmp_path)


def test_schemas_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "ROOT", tmp_path)
    (model, *_) = schema.SCHEMAS.values()
    monkeypatch.setattr(schema, "SCHEMAS", {tmp_path / "some.schema.json": model})
    assert cli.main(["schema"]) == 0
    assert (tmp_path / "some.schema.json").read_text() == schema.render(model)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_accept_ends_as_its_report_says(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "accept", lambda **_: SimpleNamespace(exit_code=code))
    monkeypatch.setattr(accept, "show", lambda report, console: None)
    assert cli.main(["accept"]) == code


def test_the_median_of_the_runs_counts() -> None:
    costs = [bench.Cost(seconds=seconds, peak_mib=0) for seconds in (3.0, 1.0, 2.0)]
    assert bench._median(costs).seconds == 2.0


def test_a_measured_synthesis_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bench, "CHILD", "import os, sys; sys.exit('options: ' + os.environ.get('NODE_OPTIONS', 'none'))"
    )
    monkeypatch.setenv("NODE_OPTIONS", "--of-the-shell")
    with pytest.raises(PortalError, match="options: none"):
        bench._measure([], tmp_path, eager=False)


@pytest.mark.parametrize("runs", ["0", "-1", "two", ""])
def test_a_number_of_runs_without_a_median_is_wrong_usage(runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["bench", f"--runs={runs}"])
    assert f"argument --runs: must be a whole number from 1 on, not {runs!r}" in capsys.readouterr().err


@pytest.mark.parametrize("written", [None, '{"resource": '], ids=["missing", "cut off"])
@pytest.mark.parametrize("arguments", [["preflight", "prod-aws"], ["diagrams"]], ids=lambda arguments: arguments[0])
def test_a_stack_that_was_not_written_whole_is_one_line(
    arguments: list[str],
    written: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "prod-aws" / "cdk.tf.json"
    file.parent.mkdir()
    if written:
        file.write_text(written)
    for module in (preflight, diagrams):
        monkeypatch.setattr(module, "read_stack", lambda name: synthesis.read_stack(name, tmp_path))
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err == f"{file} is missing or cannot be read; run `make synth` first.\n"


@pytest.mark.parametrize("name", ["synth", "schema", "diagrams"])
def test_a_folder_that_cannot_be_written_is_one_line(
    name: str, stack: StackOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.write_text("")
    monkeypatch.setattr(synth, "OUTPUT", folder)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("Node was started"))
    monkeypatch.setattr(schema, "SCHEMAS", {folder / "some.schema.json": Spec})
    monkeypatch.setattr(diagrams, "PAGES", {folder / "prod-aws.md": "prod-aws"})
    monkeypatch.setattr(diagrams, "read_stack", lambda name: stack(name).document)
    assert cli.main([name]) == 2
    printed = capsys.readouterr()
    assert str(folder) in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_tables_in_a_pipe_do_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert terminal.console().width >= 160


def test_an_interruption_ends_with_the_shells_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(schema, "run", interrupted)
    assert cli.main(["schema"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


@pytest.mark.parametrize(("prints", "said"), [("v18.20.0", "is v18.20.0"), ("hello", "cannot be started")])
def test_the_node_that_jsii_would_start_is_the_one_checked(tmp_path: Path, prints: str, said: str) -> None:
    node = tmp_path / "other-node"
    node.write_text(f"#!/bin/sh\necho {prints}\n")
    node.chmod(0o755)
    with pytest.raises(PortalError, match=said):
        check_node({"JSII_NODE": str(node)})

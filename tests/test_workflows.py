"""The workflows on GitHub: no mistake that a run would find first, and no way in for a stranger's pull request."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.charts.rendering import tool
from tests.conftest import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = GITHUB / "workflows"


def found_by(*command: str | Path, cwd: Path) -> str:
    """What a checker says; nothing if all is well."""
    # Neither looks for other programs, or for the network.
    environment = os.environ | {"NO_COLOR": "1", "ZIZMOR_OFFLINE": "true"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def syntax_of(workflows: Path) -> str:
    files = sorted(workflows.glob("*.yaml"))
    return found_by(tool("actionlint"), "-shellcheck=", "-pyflakes=", *files, cwd=ROOT)


def dangers_of(folder: Path) -> str:
    zizmor = Path(sys.executable).with_name("zizmor")
    return found_by(zizmor, "--no-progress", "--config", GITHUB / "zizmor.yml", folder, cwd=ROOT)


def test_the_workflows_have_no_mistake_in_syntax_or_expressions() -> None:
    assert syntax_of(WORKFLOWS) == ""


def test_the_workflows_are_safe_against_what_others_write() -> None:
    assert dangers_of(GITHUB) == ""


def test_versions_of_tools_stand_in_one_place() -> None:
    for workflow in WORKFLOWS.glob("*.yaml"):
        assert not re.search(r"uses: [\w-]+/setup-", workflow.read_text()), f"{workflow.name}: use actions/setup"


def planted(word: str, folder: Path) -> Path:
    """The workflow `plan` with `word` in one of its commands, in a repository of its own."""
    whole = (WORKFLOWS / "plan.yaml").read_text()
    changed = re.sub(r"(\n +)make synth\n", rf'\1make synth "{word}"\n', whole, count=1)
    assert changed != whole
    file = folder / ".github" / "workflows" / "plan.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(changed)
    return folder / ".github"


def test_a_reference_to_nothing_is_found(tmp_path: Path) -> None:
    said = syntax_of(planted("${{ steps.nowhere.outputs.x }}", tmp_path) / "workflows")
    assert 'property "nowhere" is not defined' in said


def test_a_stranger_who_writes_the_command_is_found(tmp_path: Path) -> None:
    assert "template-injection" in dangers_of(planted("${{ github.event.pull_request.title }}", tmp_path))

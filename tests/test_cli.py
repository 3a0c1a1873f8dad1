"""The project as its users run it: the stock cdktf command line, and make."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portal.commands import COMMANDS
from tests.conftest import ROOT
from tests.kubernetes.test_release import ALL_STACKS

Done = subprocess.CompletedProcess[str]

PROJECT = ("main.py", "cdktf.json", "package.json", "environments", "constructs", "Makefile", "bin")


def run(*command: str | Path, cwd: Path, **environment: str) -> Done:
    plain = {key: value for key, value in os.environ.items() if key != "NODE_OPTIONS"}
    # A run in CI prints no spinner.
    settings = {"CHECKPOINT_DISABLE": "1", "CI": "1", **environment}
    return subprocess.run(
        command, cwd=cwd, env=plain | settings, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that shares the installed packages."""
    for part in PROJECT:
        source = ROOT / part
        shutil.copytree(source, tmp_path / part) if source.is_dir() else shutil.copy(source, tmp_path)
    for installed in (".venv", "node_modules"):
        (tmp_path / installed).symlink_to(ROOT / installed)
    return tmp_path


def cdktf(folder: Path, *arguments: str) -> Done:
    return run(ROOT / "node_modules" / ".bin" / "cdktf", *arguments, cwd=folder)


@pytest.mark.slow
def test_the_stock_command_line_lists_and_synthesizes(project: Path) -> None:
    listed = cdktf(project, "list")
    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in ALL_STACKS)
    done = cdktf(project, "synth")
    assert done.returncode == 0, done.stderr
    assert sorted(f.parent.name for f in project.glob("cdktf.out/stacks/*/cdk.tf.json")) == sorted(ALL_STACKS)


@pytest.mark.slow
def test_bad_data_leave_the_last_output_untouched(project: Path) -> None:
    earlier = project / "cdktf.out" / "stacks" / "prod-aws" / "cdk.tf.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("{}")
    file = project / "environments" / "prod.yaml"
    file.write_text(file.read_text().replace("level: enterprise", "level: gold"))
    app = run(project / ".venv" / "bin" / "python", "main.py", cwd=project)
    assert (app.returncode, app.stdout) == (2, "")
    assert app.stderr.startswith("environments/prod.yaml is not valid (1 problem):\n")
    by_cli = cdktf(project, "synth")
    assert by_cli.returncode == 1
    assert "monitoring.level = gold" in by_cli.stderr
    assert "Traceback" not in app.stderr + by_cli.stderr
    assert earlier.read_text() == "{}"


APP = """
import sys
sys.path.insert(0, "constructs")
from portal import bindings
bindings.install()
from cdktf import App, TerraformResource
from constructs import Construct
from portal import backends
from portal.stacks.base import PortalStack
app = App()
stack = PortalStack(app, "bare")
backends.local(stack, name="bare")
marker = TerraformResource(Construct(stack, "kept"), "Default", terraform_resource_type="terraform_data")
marker.add_override("input", "here")
app.synth()
"""


@pytest.mark.slow
def test_a_stack_without_providers_deploys_and_destroys(project: Path) -> None:
    (project / "main.py").write_text(APP)
    deployed = cdktf(project, "deploy", "bare", "--auto-approve")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    state = project / "bare.tfstate"
    (resource,) = json.loads(state.read_text())["resources"]
    assert (resource["type"], resource["name"]) == ("terraform_data", "kept")
    destroyed = cdktf(project, "destroy", "bare", "--auto-approve")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert json.loads(state.read_text())["resources"] == []


@pytest.mark.parametrize(
    ("tool", "prints", "complaint"),
    [
        ("node", "v18.20.0", "Node.js 20 or newer is needed; "),
        ("node", None, "Node.js 20 or newer is needed; "),
    ],
)
def test_an_unsupported_node_is_one_line(tmp_path: Path, tool: str, prints: str | None, complaint: str) -> None:
    fake = tmp_path / tool
    fake.write_text(f"#!/bin/sh\necho {prints}\n" if prints else "#!/bin/sh\nexit 1\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    done = run(ROOT / ".venv" / "bin" / "python", "main.py", cwd=ROOT, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("tool", "prints", "complaint"),
    [
        (
            "terraform",
            '{ "terraform_version": "1.9.8" }',
            "Terraform 1.11 or newer is needed as 'terraform' (found: 1",
        ),
        ("terraform", None, "Terraform 1.11 or newer is needed as 'terraform' (found: none"),
        ("terraform", '{ "terraform_version": "0.15.5" }', "Terraform 1.11 or newer is needed"),
        ("npm", None, "npm is needed; it comes with Node.js"),
        ("go", None, "Go 1.26 or newer is needed"),
    ],
)
def test_each_missing_prerequisite_is_one_line(tmp_path: Path, tool: str, prints: str | None, complaint: str) -> None:
    fake = tmp_path / tool
    fake.write_text(f"#!/bin/sh\necho '{prints}'\n" if prints else "#!/bin/sh\nexit 1\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    done = run(ROOT / "bin" / "prerequisites", "terraform", "go", cwd=ROOT, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert done.stderr.count("\n") == 1


def test_an_unknown_stack_is_one_line() -> None:
    done = run(ROOT / ".venv" / "bin" / "python", "-m", "portal", "preflight", "prod-moon", cwd=ROOT / "constructs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "There is no stack prod-moon; `cdktf list` prints the names.\n"


def test_every_command_explains_itself() -> None:
    python = ROOT / ".venv" / "bin" / "python"
    overview = run(python, "-m", "portal", "--help", cwd=ROOT / "constructs")
    assert overview.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^ +{command.NAME}\b", overview.stdout, re.MULTILINE)
        help = run(python, "-m", "portal", command.NAME, "--help", cwd=ROOT / "constructs")
        assert help.returncode == 0
        assert "Example: " in help.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_is_no_error(unbuffered: str) -> None:
    python = ROOT / ".venv" / "bin" / "python"
    command = f"set -o pipefail; {python} -m portal preflight local | true"
    done = run("bash", "-c", command, cwd=ROOT / "constructs", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (0, "")


def test_make_help_lists_every_target_and_setting() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE)
    settings = re.findall(r"^(\w+) \?=", makefile, re.MULTILINE)
    assert targets
    assert settings
    done = run("make", "help", cwd=ROOT)
    listed = [re.split(r"[ =]", line.strip())[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert listed == targets + settings


@pytest.mark.parametrize(
    ("target", "setting", "example"), [("preflight", "STACK", "prod-aws"), ("coverage", "CLOUD", "aws")]
)
def test_make_asks_at_once_for_what_a_target_needs(target: str, setting: str, example: str, project: Path) -> None:
    done = run("make", "--old-file=setup", target, cwd=project, **{setting: ""})
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Name one: make {target} {setting}={example}\n" in done.stderr
    assert not (project / "cdktf.out").exists()


MADE = (
    ".tools/bin",
    "loadtest/report/node_modules",
    "loadtest/target/backend/node_modules",
    "cdktf.out/stacks",
    "reports/target",
    "loadtest-reports/run",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    "constructs/portal/__pycache__",
)


def test_somebodys_cluster_is_tested_on_only_where_this_command_names_it() -> None:
    """People have one exported for their other work."""
    exported = run("make", "-n", "test-cluster", cwd=ROOT, KUBECONFIG="/theirs")
    assert "-m pytest tests/cluster" in exported.stdout
    assert "/theirs" not in exported.stdout
    named = run("make", "-n", "test-cluster", "KUBECONFIG=/mine", cwd=ROOT)
    assert "PORTAL_TEST_KUBECONFIG=/mine " in named.stdout


def test_make_clean_removes_what_make_made_and_no_state(project: Path) -> None:
    for folder in MADE:
        (project / folder).mkdir(parents=True, exist_ok=True)
    state = project / "bootstrap-aws.tfstate"
    state.write_text("{}")
    kept = {*PROJECT, state.name, "loadtest"}
    assert run("make", "clean", cwd=project).returncode == 0
    assert {path.name for path in project.iterdir()} == kept
    assert not any((project / folder).exists() for folder in MADE)


OLD_PYTHON = f"""#!/bin/sh
exec {sys.executable} -c 'import sys; sys.version_info = (3, 10, 9); exec(sys.argv[1])' "$2"
"""
NO_VENV = f"""#!/bin/sh
case $2 in *venv*) exit 1 ;; esac
exec {sys.executable} "$@"
"""
OLD_NODE = f"""#!/bin/sh
[ "$1" = -e ] || exec {shutil.which("node")} "$@"
exec {shutil.which("node")} -e "Object.defineProperty(process, 'versions', {{value: {{node: '18.20.0'}}}}); $2"
"""


@pytest.mark.parametrize(
    ("tool", "script", "complaint"),
    [
        ("python3", OLD_PYTHON, "Python 3.11 or newer is needed as 'python3'"),
        ("python3", NO_VENV, "Python's venv module is needed"),
        ("node", OLD_NODE, "Node.js 20 or newer is needed as 'node'"),
    ],
    ids=["python", "venv", "node"],
)
def test_what_make_starts_is_new_enough_and_whole(tmp_path: Path, tool: str, script: str, complaint: str) -> None:
    fake = tmp_path / tool
    fake.write_text(script)
    fake.chmod(0o755)
    done = run(ROOT / "bin" / "prerequisites", cwd=ROOT, PATH=f"{tmp_path}:{os.environ['PATH']}", PYTHON="python3")
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert done.stderr.count("\n") == 1

"""Rules about the project's own files."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from portal.commands.schema import SCHEMAS, render
from tests.conftest import ROOT

SOURCE = ROOT / "constructs" / "portal"

READS_THE_OUTSIDE = {"os", "time", "datetime", "random", "socket", "subprocess", "uuid", "secrets"}

CONSTRUCTS = ("aws", "gcp", "azure", "kubernetes", "stacks")


def test_the_source_root_does_not_shadow_the_constructs_package() -> None:
    """With an __init__.py here, cdktf's `import constructs` would find this folder."""
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert not (ROOT / "tests" / "constructs").exists()


@pytest.mark.parametrize("file", sorted(f for room in CONSTRUCTS for f in (SOURCE / room).glob("*.py")), ids=str)
def test_constructs_read_neither_environment_nor_clock(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert imported & READS_THE_OUTSIDE == set()


@pytest.mark.parametrize("file", list(SCHEMAS), ids=lambda file: file.name)
def test_the_schemas_for_editors_are_current(file: Path) -> None:
    assert file.read_text() == render(SCHEMAS[file]), "run: make schema"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_file_names_a_package_registry() -> None:
    """Lock files work behind a mirror only if they name none."""
    names = ("py" + r"pi\.org", "python" + "hosted", "registry" + r"\.npmjs", "proxy" + r"\.golang")
    hosts = re.compile("|".join(names))
    guilty = [f.name for f in tracked() if hosts.search(f.read_text(encoding="utf-8", errors="ignore"))]
    assert guilty == []


def test_main_stays_a_page() -> None:
    assert len((ROOT / "main.py").read_text().splitlines()) < 40


@pytest.mark.parametrize("file", sorted((ROOT / ".github").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside(file: Path) -> None:
    uses = re.findall(r"uses: (.*)", file.read_text())
    assert uses
    for action in uses:
        # Or one of this repository's own, which is of the same commit.
        assert action.startswith("./.github/") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", action), action

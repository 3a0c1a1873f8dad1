"""What README and docs/ say is so, where a reader would act on it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, StackOf

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

README = PAGES[0].read_text()

ROOMS = "constructs|docs|environments|loadtest|tests|tools|bin"


def block(start: str) -> str:
    """The block of code in README that begins so."""
    (found,) = [each for each in re.findall(r"```\w*\n(.*?)```", README, re.DOTALL) if each.startswith(start)]
    return str(found)


def test_the_refusal_in_readme_is_what_such_data_get(tmp_path: Path) -> None:
    for part in ("main.py", "environments", "constructs"):
        source = ROOT / part
        shutil.copytree(source, tmp_path / part) if source.is_dir() else shutil.copy(source, tmp_path)
    file = tmp_path / "environments" / "prod.yaml"
    text = file.read_text()
    for right, wrong in (("{min: 6, max: 12}", "{min: 14, max: 12}"), ("[eu-west-1a,", "[us-east-1a,")):
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    file.write_text(text)
    done = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == block("environments/prod.yaml is not valid")


@pytest.mark.parametrize("command", ["python -m portal --help", "cdktf --version", "locust --version"])
def test_the_shell_of_readme_has_the_checkouts_programs(command: str) -> None:
    program, _, _ = command.partition(" ")
    done = subprocess.run(
        ["bash", "-ec", f"{block('source .venv')}\ncommand -v {program}\n{command}"],
        cwd=ROOT,
        env=os.environ | {"CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    own = [(ROOT / folder).resolve() for folder in (".venv/bin", "node_modules/.bin")]
    assert Path(done.stdout.splitlines()[0]).parent.resolve() in own


def test_the_table_of_pauses_is_that_of_the_stacks(stack: StackOf) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    units = {"s": 1, "min": 60}
    listed = {
        name: int(count) * units[unit]
        for name, count, unit in re.findall(r"^\| `([\w-]+-gone)`, (\d+) (s|min) \|", page, re.MULTILINE)
    }
    pauses = [sleep for sleep in stack("prod-aws").all("time_sleep") if sleep.get("destroy_duration")]
    assert listed == {p.path.split("/")[-2]: int(p["destroy_duration"].removesuffix("s")) for p in pauses}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / link).exists(), link
    for path in re.findall(rf"`((?:{ROOMS})/[\w./*-]*)`", text):
        assert list(ROOT.glob(path.rstrip("/"))), path

"""The load test's image: what goes in, as whom it runs, and that nothing else is needed."""

import ast
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

from loadtest.report.page import PLOTS
from tests.charts.rendering import example, render
from tests.conftest import ROOT
from tests.loadtest.conftest import Target
from tools.cluster.processes import free_ports

DOCKERFILE = ROOT / "loadtest" / "Dockerfile"
REQUIREMENTS = ROOT / "loadtest" / "requirements.txt"
NOT_IN_THE_IMAGE = {ROOT / "loadtest" / "target", ROOT / "loadtest" / "bench"}


@cache
def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def only(word: str) -> str:
    (found,) = (rest for instruction, rest in instructions() if instruction == word)
    return found


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))


def copied() -> list[tuple[str, str]]:
    """What comes out of the repository, and where it goes."""
    words = [rest.split() for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    return [(source, target) for *sources, target in words for source in sources]


@cache
def script() -> ModuleType:
    loader = SourceFileLoader("loadtest_requirements", str(ROOT / "bin" / "loadtest-requirements"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_everything_that_is_copied_exists_and_is_let_through() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    for source, _ in copied():
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in rules
    assert {str(folder.relative_to(ROOT)) for folder in NOT_IN_THE_IMAGE} <= set(rules)


def test_the_entry_point_is_locust_with_the_file_that_was_copied() -> None:
    program, option, file = json.loads(only("ENTRYPOINT"))
    assert (program, option) == ("locust", "--locustfile")
    (root,) = [(source, target) for source, target in copied() if file.startswith(f"{target}/")]
    assert (ROOT / root[0] / file.removeprefix(f"{root[1]}/")).is_file()


def test_every_base_is_an_image_by_its_digest_and_python_is_what_runs() -> None:
    bases = dict(rest.split("=", 1) for word, rest in instructions() if word == "ARG")
    for name, image in bases.items():
        assert re.fullmatch(rf"docker\.io/library/{name.lower()}:\d[\w.-]*@sha256:[0-9a-f]{{64}}", image), image
    froms = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert set(froms) == {f"${{{name}}}" for name in bases}
    assert froms[-1] == "${PYTHON}"


def test_the_plots_of_reports_are_where_the_page_looks_for_them() -> None:
    stages = [rest.split() for word, rest in instructions() if word == "COPY" and "--from=plots" in rest]
    ((_, _, target),) = stages
    (root,) = [(source, to) for source, to in copied() if target.startswith(f"{to}/")]
    assert PLOTS.is_relative_to(ROOT / root[0] / target.removeprefix(f"{root[1]}/"))


@pytest.mark.parametrize("role", ["master", "worker"])
def test_the_chart_starts_it_as_it_is_and_lets_it_write_where_it_must(role: str) -> None:
    (job,) = (
        each["spec"]["template"]["spec"]
        for each in render("loadtest", example("loadtest", "prod")).all("Job")
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == role
    )
    (container,) = job["containers"]
    assert "command" not in container
    assert only("USER") == f"{job['securityContext']['runAsUser']}:{job['securityContext']['runAsGroup']}"
    assert job["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    given = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    assert writable == {"/tmp", given["LOADTEST_REPORT_DIR"]}
    assert environment()["LOADTEST_REPORT_DIR"] == given["LOADTEST_REPORT_DIR"] == only("VOLUME")
    assert environment()["HOME"] in writable
    exposed = set(only("EXPOSE").split())
    assert {str(port["containerPort"]) for port in container.get("ports", ())} <= exposed


def test_the_requirements_are_those_of_the_lock() -> None:
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    assert REQUIREMENTS.read_text() == script().requirements(lock)


def imports() -> Iterator[str]:
    for file in (ROOT / "loadtest").rglob("*.py"):
        if NOT_IN_THE_IMAGE.isdisjoint(file.parents):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield node.module.split(".")[0]


def test_what_is_imported_is_required() -> None:
    foreign = set(imports()) - sys.stdlib_module_names - {"loadtest"}
    packages = {packages_distributions()[name][0].lower().replace("_", "-") for name in foreign}
    # The kubernetes client brings it.
    assert packages - {"urllib3"} == set(script().NEEDED)


@pytest.mark.slow
def test_with_those_packages_and_files_alone_a_run_passes_and_writes_nowhere_else(
    tmp_path: Path, serve: Callable[..., Target]
) -> None:
    """The image without a container: a virtual environment in the place of Debian, the same files and entry point."""
    venv, root, reports, home = (tmp_path / name for name in ("venv", "srv", "reports", "home"))
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run(
        [*pip, "--only-binary", ":all:", "--require-hashes", "--requirement", REQUIREMENTS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    left_out = shutil.ignore_patterns(*(folder.name for folder in NOT_IN_THE_IMAGE), "__pycache__")
    shutil.copytree(ROOT / "loadtest", root / "loadtest", ignore=left_out)
    home.mkdir()
    program, option, file = json.loads(only("ENTRYPOINT"))
    locust = [str(venv / "bin" / program), option, str(root / Path(file).relative_to("/srv"))]
    given = {"PATH": f"{venv / 'bin'}:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home)}
    given |= environment_of_the_image() | {"LOADTEST_REPORT_DIR": str(reports)}
    port = str(*free_ports(1))
    given |= {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
    # The journey that the stand-in can answer.
    arguments = ["PortalHealth", "--headless", "--host", serve().url]
    arguments += ["--profile", "smoke", "--run-time", "4s", "--processes", "2"]
    before = files(venv) | files(root)
    run = subprocess.run([*locust, *arguments], cwd=root, env=given, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {"report.json", "junit.xml", "summary.md", "run.json.gz"} <= {each.name for each in reports.iterdir()}
    assert files(venv) | files(root) == before


def environment_of_the_image() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name.startswith("PYTHON")}


def files(folder: Path) -> dict[Path, int]:
    return {each: each.stat().st_mtime_ns for each in folder.rglob("*")}

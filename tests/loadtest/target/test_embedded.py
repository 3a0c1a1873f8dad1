"""The embedded target, whole and real: it starts, it is usable when it says so, and nothing of it stays."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from loadtest.target import embedded, postgres
from loadtest.target.__main__ import parse
from loadtest.target.__main__ import run as command
from loadtest.target.embedded import BACKEND, TargetFailed, TargetMissing, ask, running
from tests.conftest import ROOT

installed = pytest.mark.skipif(not (BACKEND / "node_modules").is_dir(), reason="make target installs Backstage")


def run(logs: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "loadtest.target", "--entities", "100", "--logs", str(logs), *words]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def all_end(processes: list[psutil.Process], *, within_seconds: float) -> bool:
    return not psutil.wait_procs(processes, timeout=within_seconds)[1]


def test_a_target_that_is_not_installed_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "BACKEND", tmp_path)
    with pytest.raises(TargetMissing, match="npm ci"), running(tmp_path / "logs"):
        pass
    assert not (tmp_path / "logs").exists()


def test_too_few_entities_are_a_usage_error(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "loadtest.target", "--entities", "99", "--logs", str(tmp_path / "logs")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "--entities: 99 is too few" in ended.stderr
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("port", ["99999999", "0", "http"])
def test_a_port_that_is_none_is_a_usage_error(port: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(["--port", port])
    assert f"{port} is not a port" in capfd.readouterr().err


WRITES_A_REPORT = """
import pathlib, sys, time
try:
    pathlib.Path(sys.argv[1], "began").touch()
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1], "report").touch()
"""


def test_a_target_that_dies_leaves_the_command_the_time_for_its_report(tmp_path: Path) -> None:
    class Dies:
        url = token = ""

        def check(self) -> None:
            if (tmp_path / "began").exists():
                raise TargetFailed("it died")

    with pytest.raises(TargetFailed):
        command([sys.executable, "-c", WRITES_A_REPORT, str(tmp_path)], Dies(), threading.Event())  # type: ignore[arg-type]
    assert (tmp_path / "report").exists()


@pytest.mark.slow
@installed
@pytest.mark.parametrize("kind", ["pg", "better-sqlite3"])
def test_when_it_is_usable_the_whole_catalog_is_there_and_can_be_searched(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "pg" and postgres.binaries() is None:
        pytest.skip("no PostgreSQL here")
    if kind != "pg":
        monkeypatch.setattr(embedded, "binaries", lambda: None)
    before = descendants(os.getpid())
    with running(tmp_path, entities=1000) as target:
        assert target.database == kind
        catalog = ask(target, "/api/catalog/entities/by-query?limit=0")
        assert catalog is not None
        assert catalog["totalItems"] >= 1000
        found = ask(target, "/api/search/query?term=component-0401&types%5B0%5D=software-catalog")
        assert found is not None
        assert "component-0401" in {each["document"]["title"] for each in found["results"]}
        docs = ask(target, "/api/techdocs/metadata/entity/default/component/component-0001")
        assert docs is not None
        assert docs["metadata"]["name"] == "component-0001"
        processes = [each for each in descendants(os.getpid()) if each not in before]
        assert len(processes) >= 2
        token = target.token
    assert all_end(processes, within_seconds=10)
    assert (tmp_path / "token").stat().st_mode & 0o077 == 0
    assert token not in (tmp_path / "backstage.log").read_text()


@pytest.mark.slow
@installed
@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_whichever_way_it_goes_nothing_of_it_stays(how: signal.Signals, code: int, tmp_path: Path) -> None:
    target = run(tmp_path)
    assert target.stderr
    for line in target.stderr:
        if "Ctrl-C ends it" in line:
            break
    processes = descendants(target.pid)
    assert len(processes) >= 2
    target.send_signal(how)
    assert target.wait(20) == code
    assert all_end(processes, within_seconds=10)


@pytest.mark.slow
@installed
def test_interrupted_while_it_starts_it_stops_what_it_had_started(tmp_path: Path) -> None:
    target = run(tmp_path, "--", "true")
    deadline = time.monotonic() + 20
    while not (tmp_path / "backstage.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    processes = descendants(target.pid)
    target.send_signal(signal.SIGINT)
    _, said = target.communicate(timeout=20)
    assert target.returncode == 130
    assert "Interrupted while" in said
    assert all_end(processes, within_seconds=10)


@pytest.mark.slow
@installed
def test_a_command_gets_the_target_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    script = "import os; print(os.environ['LOCUST_HOST'], len(os.environ['PORTAL_TOKEN'])); raise SystemExit(4)"
    target = run(tmp_path, "--", sys.executable, "-c", script)
    out, _ = target.communicate(timeout=120)
    assert target.returncode == 4
    assert out.startswith("http://127.0.0.1:")


@pytest.mark.slow
@installed
def test_a_backend_that_dies_under_the_command_fails_the_run(tmp_path: Path) -> None:
    target = run(tmp_path, "--", "sleep", "60")
    deadline = time.monotonic() + 120
    while not any(process.name() == "sleep" for process in descendants(target.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (backend,) = (process for process in descendants(target.pid) if "index.cjs" in process.cmdline())
    backend.kill()
    _, said = target.communicate(timeout=30)
    assert target.returncode == 3
    assert "backstage ended with -9" in said


@pytest.mark.slow
@pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL here")
def test_postgres_leaves_no_folder_behind(tmp_path: Path) -> None:
    programs = postgres.binaries()
    assert programs is not None
    with postgres.postgres(programs, tmp_path / "log") as folder:
        said = subprocess.run(
            [programs / "psql", "-h", folder, "-U", postgres.OWNER, "-Atc", "select 41 + 1", postgres.DATABASE],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert said.stdout == "42\n"
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_the_lock_names_the_versions_that_the_package_asks_for() -> None:
    assert shutil.which("npm")
    listed = subprocess.run(
        ["npm", "ls", "--package-lock-only", "--depth=0"], cwd=BACKEND, capture_output=True, text=True, check=False
    )
    assert listed.returncode == 0, listed.stdout + listed.stderr

"""Real Locust processes against a real server, and nothing of either left behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from loadtest.report.__main__ import SCHEMA
from tests.conftest import ROOT
from tools.cluster.processes import free_ports

STUB = Path(__file__).with_name("stub.py")
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
# Whoever runs the tests in the background has Ctrl-C ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ENDS_WITHIN_SECONDS = 60
ORPHANED_AFTER_SECONDS = 5
OUR_PART = """
import time

import loadtest.plugin
from loadtest.scenarios.visitor import Visitor
from loadtest.shapes.shape import PlannedShape
from loadtest.users import PortalUser
from locust import events, task


class Asking(PortalUser):
    @task
    def ask(self):
        with self.call("GET", "/api/health", name="/api/health"):
            pass
"""


@dataclass
class Target:
    process: "subprocess.Popen[str]"
    url: str

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Run:
    """A Locust master, or one process, under way."""

    process: "subprocess.Popen[str]"
    directory: Path

    def ended(self) -> int:
        self.output, _ = self.process.communicate(timeout=ENDS_WITHIN_SECONDS)
        return self.process.returncode

    @property
    def report(self) -> dict[str, Any]:
        """As whoever reads it may count on it: valid against its schema."""
        found: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        jsonschema.validate(found, json.loads(SCHEMA.read_text()))
        return found

    def reasons(self) -> list[str]:
        return [reason["text"] for reason in self.report["verdict"]["reasons"]]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_for(self, text: str) -> None:
        """Until Locust has said so."""
        assert self.process.stdout
        while text not in (line := self.process.stdout.readline()):
            assert line, f"Locust ended and never said {text!r}"


@pytest.fixture
def serve() -> Iterator[Callable[..., Target]]:
    with serving() as start:
        yield start


@contextmanager
def serving() -> Iterator[Callable[..., Target]]:
    started: list[Target] = []

    def start(*arguments: str) -> Target:
        command = [sys.executable, str(STUB), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        target = Target(process, f"http://127.0.0.1:{process.stdout.readline().strip()}")
        started.append(target)
        return target

    yield start
    for target in started:
        target.process.kill()
        target.process.communicate()


def seen_by(target: Target) -> dict[str, int]:
    with urllib.request.urlopen(f"{target.url}/seen", timeout=5) as answer:
        found: dict[str, int] = json.loads(answer.read())
    return found


@pytest.fixture
def locust(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    with running_in(tmp_path) as start:
        yield start


@contextmanager
def running_in(folder: Path) -> Iterator[Callable[..., Run]]:
    """Starts `locust` in a group of its own; afterwards nothing of that group may be left."""
    started: list[Run] = []

    def start(*arguments: str, host: str, headless: bool = True, file: Path = LOCUSTFILE, **environment: str) -> Run:
        directory = folder / "report"
        port = str(*free_ports(1))
        command = [str(Path(sys.executable).with_name("locust")), "-f", str(file), "--host", host]
        if file == LOCUSTFILE:
            # What the stub answers as it should.
            environment = {"LOCUST_USER_CLASSES": "PortalHealth"} | environment
        process = subprocess.Popen(
            [*command, *(["--headless"] if headless else []), "--report-dir", str(directory), *arguments],
            cwd=folder,
            # Two masters would fight for Locust's usual port.
            env=os.environ | {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        run = Run(process, directory)
        started.append(run)
        return run

    yield start
    orphans = []
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        orphans += [p for p in psutil.process_iter() if _group(p) == run.process.pid and p.status() != "zombie"]
    # Workers hear of the end from the master, which does not wait for them.
    orphans = psutil.wait_procs(orphans, timeout=ORPHANED_AFTER_SECONDS)[1]
    for orphan in orphans:
        orphan.kill()
    assert orphans == []


@pytest.fixture
def locustfile(tmp_path: Path) -> Callable[[str], Path]:
    return partial(written, tmp_path)


def written(folder: Path, text: str) -> Path:
    """A locustfile of its own: our plugin and shape, and what else a test needs."""
    file = folder / "locustfile.py"
    file.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{OUR_PART}{text}")
    return file


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None

"""The embedded target as one value: started whole, its catalog ingested and searchable, and stopped whole."""

import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from loadtest.target import catalog
from loadtest.target.postgres import DATABASE, OWNER, PostgresFailed, binaries, postgres
from tools.cluster.processes import Program, free_ports

BACKEND: Final = Path(__file__).parent / "backend"
READY_SECONDS: Final = 120.0
INGESTED_SECONDS: Final = 300.0
SEARCHABLE_SECONDS: Final = 120.0

STAND_INS: Final = ("portal-frontend: a small gateway with its documented routes, in front of a real Backstage",)


class TargetFailed(RuntimeError):
    """It did not start, or did not live; the message says what and where its log is."""


class TargetMissing(RuntimeError):
    """Something that it is made of is not installed; the message says how to get it."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A running target; `token` is a static token of Backstage, for this run alone."""

    url: str
    token: str
    token_file: Path
    database: Literal["pg", "better-sqlite3"]
    entities: int
    programs: tuple[Program, ...]

    def check(self) -> None:
        for program in self.programs:
            if program.ended() is not None:
                raise TargetFailed(died(program))


@contextmanager
def running(
    logs: Path,
    *,
    entities: int = 1000,
    seed: int = 1,
    port: int | None = None,
    given_up: Callable[[], bool] = lambda: False,
) -> Iterator[Target]:
    """A target until the block ends, whichever way it ends; every program writes into a file of its own in `logs`.

    While it starts, `given_up` is asked whether to go on.
    """
    node = shutil.which("node")
    if node is None:
        raise TargetMissing("Node.js 20 or newer is needed as 'node'.")
    if not (BACKEND / "node_modules").is_dir():
        raise TargetMissing(f"Backstage is not installed; make target does it, or: cd {BACKEND} && npm ci")
    logs = logs.resolve()
    logs.mkdir(parents=True, exist_ok=True)
    for old in logs.glob("*.log"):
        old.unlink()
    backend_port, free = free_ports(2)
    token = secrets.token_urlsafe(24)
    token_file = logs / "token"
    token_file.touch(0o600)
    token_file.write_text(token)
    with ExitStack() as stack:
        connection = database(stack, logs)
        described = catalog.entities(entities, seed=seed)
        (logs / "catalog.yaml").write_text(yaml.safe_dump_all(described))
        (logs / "database.yaml").write_text(json.dumps({"backend": {"database": connection}}))
        environment = {
            **os.environ,
            "NODE_ENV": "production",
            "NODE_OPTIONS": "--no-node-snapshot",
            "LOG_LEVEL": "info",
            "TARGET_DATABASE": str(connection["client"]),
            "TARGET_CATALOG": str(logs / "catalog.yaml"),
            "TARGET_PORT": str(backend_port),
            "PORTAL_TOKEN": token,
        }
        backend = Program(
            [node, "index.cjs", "--config", "app-config.yaml", "--config", logs / "database.yaml"],
            logs / "backstage.log",
            folder=BACKEND,
            environment=environment,
        )
        stack.callback(backend.stop)
        gateway = Program(
            [node, "gateway.cjs"],
            logs / "gateway.log",
            folder=BACKEND,
            environment={**os.environ, "GATEWAY_PORT": str(port or free), "BACKEND_PORT": str(backend_port)},
        )
        stack.callback(gateway.stop)
        target = Target(
            url=f"http://127.0.0.1:{port or free}",
            token=token,
            token_file=token_file,
            database=connection["client"],
            entities=len(described),
            programs=(backend, gateway),
        )
        wait_until_usable(target, given_up)
        yield target


def database(stack: ExitStack, logs: Path) -> dict[str, Any]:
    """Backstage's database settings: PostgreSQL where its programs are found, else SQLite in memory."""
    programs = binaries()
    if programs is None:
        return {"client": "better-sqlite3", "connection": ":memory:"}
    try:
        socket = stack.enter_context(postgres(programs, logs / "postgres.log"))
    except PostgresFailed as failed:
        raise TargetFailed(str(failed)) from failed
    return {
        "client": "pg",
        "pluginDivisionMode": "schema",
        "ensureSchemaExists": True,
        "connection": {"host": str(socket), "user": OWNER, "database": DATABASE},
    }


def wait_until_usable(target: Target, given_up: Callable[[], bool]) -> None:
    """Ready is not ingested, ingested is not indexed: a test that began earlier would measure half a portal."""

    def wait(lack: str, seconds: float, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            target.check()
            if given_up():
                raise TargetFailed("Interrupted while the target was starting.")
            if time.monotonic() > deadline:
                raise TargetFailed(f"After {seconds:.0f} s the target {lack}; see {target.programs[0].log}")
            time.sleep(0.25)

    wait("is not ready", READY_SECONDS, lambda: ask(target, "/api/health/ready") is not None)
    known = "/api/catalog/entities/by-query?limit=0"
    wait("has not ingested its catalog", INGESTED_SECONDS, lambda: at_least(target, known, "totalItems"))
    ask(target, "/api/search/.backstage/scheduler/v1/tasks/search_index_software_catalog/trigger", method="POST")
    found = "/api/search/query?term=&types%5B0%5D=software-catalog&pageLimit=1"
    wait("has not indexed its catalog", SEARCHABLE_SECONDS, lambda: at_least(target, found, "numberOfResults"))


def at_least(target: Target, path: str, field: str) -> bool:
    answer = ask(target, path)
    return answer is not None and answer.get(field, 0) >= target.entities


def ask(target: Target, path: str, *, method: str = "GET") -> dict[str, Any] | None:
    """What it answers as JSON; nothing where it does not answer, or not with success."""
    request = urllib.request.Request(
        target.url + path, method=method, headers={"Authorization": f"Bearer {target.token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.loads(answer.read() or b"{}"))
    except (urllib.error.URLError, OSError, ValueError):
        return None


def died(program: Program) -> str:
    return f"{program.log.stem} ended with {program.ended()}; {program.log} ends with:\n{program.last_words()}"

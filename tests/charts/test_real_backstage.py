"""A real Backstage starts with the configuration that chart portal gives it, and behaves as the chart counts on."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtest.target.embedded import BACKEND
from loadtest.target.postgres import DATABASE, OWNER, binaries, postgres
from tests.charts.rendering import changed, example, render
from tools.cluster.processes import Program, free_ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BACKEND / "node_modules").is_dir(), reason="make target installs Backstage"),
    pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not here: apt-get install postgresql"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="Redis is not here: apt-get install redis-server"),
]

READY = "/.backstage/health/v1/readiness"
CATALOG = "/api/catalog/entities/by-query?limit=1"
TOKEN = "a-token-of-this-test"
PASSWORD = "a-password-of-this-test"
PASSWORDS = [f"{name}_{kind}_PASSWORD" for name in ("BACKSTAGE", "PORTAL") for kind in ("DATABASE", "CACHE")]
DELAY_SECONDS = 3


@dataclass(frozen=True)
class Backstage:
    """A running backend; `socket`: folder of the socket of its database."""

    program: Program
    port: int
    socket: Path

    def read(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        return answer, answer.read()

    def get(self, path: str) -> http.client.HTTPResponse:
        return self.read(path)[0]

    def is_ready(self) -> bool:
        try:
            return self.get(READY).status == 200
        except OSError:
            return False

    def sql(self, query: str) -> list[str]:
        programs = binaries()
        assert programs
        psql = [str(programs / "psql"), "--host", str(self.socket), "--username", OWNER, "--tuples-only", "--no-align"]
        asked = subprocess.run([*psql, "--command", query, DATABASE], capture_output=True, text=True, check=True)
        return asked.stdout.split()


def app_config(port: int, socket: Path, cache_port: int) -> dict[str, Any]:
    """The chart's, with the addresses of this machine. A Unix socket knows no TLS."""
    token = {"subject": "load-test", "secret": {"name": "api-token-load-test", "key": "token"}}
    values = changed(example("portal", "dev"), "apiTokens", [token])
    values = changed(values, "shutdown", {"drainSeconds": 1, "backendDelaySeconds": DELAY_SECONDS, "finishSeconds": 5})
    (text,) = render("portal", values).one("ConfigMap", "backstage-backend")["data"].values()
    config: dict[str, Any] = yaml.safe_load(text.replace("redis-failover-master:6379", f"127.0.0.1:{cache_port}"))
    config["backend"]["listen"] = {"host": "127.0.0.1", "port": port}
    for database in (config["backend"]["database"], config["portal"]["database"]):
        assert database["connection"].pop("ssl")["ca"]["$file"].startswith("/etc/portal/")
        database["connection"] |= {"host": str(socket), "database": DATABASE}
    return config


@pytest.fixture(scope="module")
def backstage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backstage]:
    folder, programs = tmp_path_factory.mktemp("backstage"), binaries()
    assert programs
    port, cache_port = free_ports(2)
    with ExitStack() as stack:
        socket = stack.enter_context(postgres(programs, folder / "postgres.log"))
        redis = Program(
            ["redis-server", "--port", str(cache_port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", ""],
            folder / "redis.log",
            folder=folder,
        )
        stack.callback(redis.stop)
        (folder / "catalog.yaml").touch()
        (folder / "production.yaml").write_text(yaml.safe_dump(app_config(port, socket, cache_port)))
        environment = {
            **os.environ,
            "NODE_ENV": "production",
            "NODE_OPTIONS": "--no-node-snapshot",
            # Of the image's own configuration, over which the chart's is laid.
            "TARGET_DATABASE": "pg",
            "TARGET_CATALOG": str(folder / "catalog.yaml"),
            "TARGET_PORT": "0",
            "PORTAL_TOKEN": "-",
            # What the chart takes from Secrets.
            "API_TOKEN_LOAD_TEST": TOKEN,
            **{
                f"{name}_{kind}_PASSWORD": PASSWORD
                for name in ("BACKSTAGE", "PORTAL")
                for kind in ("DATABASE", "CACHE")
            },
        }
        node = shutil.which("node")
        assert node
        program = Program(
            [node, "index.cjs", "--config", "app-config.yaml", "--config", folder / "production.yaml"],
            folder / "backstage.log",
            folder=BACKEND,
            environment=environment,
        )
        stack.callback(program.stop)
        running = Backstage(program, port, socket)
        deadline = time.monotonic() + 180
        while not running.is_ready():
            assert program.ended() is None, program.last_words(20)
            assert time.monotonic() < deadline, program.last_words(20)
            time.sleep(0.5)
        yield running


def test_the_token_of_a_program_opens_the_api(backstage: Backstage) -> None:
    assert backstage.get(CATALOG).status == 200


def test_people_reach_it_by_the_frontend(backstage: Backstage) -> None:
    """Where providers send people back to, and where they find keys: below the address of the plugin `auth`."""
    _, said = backstage.read("/api/auth/.well-known/openid-configuration")
    assert json.loads(said)["issuer"] == f"https://{example('portal', 'dev')['domain']}/api/backstage/auth"


def test_every_plugin_has_a_schema_of_its_own_in_the_one_database(backstage: Backstage) -> None:
    schemas = backstage.sql("SELECT schema_name FROM information_schema.schemata")
    assert {"auth", "catalog", "scaffolder", "search"} <= set(schemas)
    assert backstage.sql("SELECT datname FROM pg_database WHERE datname LIKE 'backstage_plugin%'") == []


def test_it_keeps_connections_longer_than_its_callers(backstage: Backstage) -> None:
    assert backstage.get(READY).getheader("Keep-Alive") == "timeout=75"


def test_plugins_that_do_nothing_let_go_of_the_database(backstage: Backstage) -> None:
    """Knex's own minimum is two for each plugin."""
    open_now = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    plugins = int(
        backstage.sql("SELECT count(DISTINCT schemaname) FROM pg_tables WHERE schemaname !~ '^(pg_|info)'")[0]
    )
    deadline = time.monotonic() + 60
    while (count := int(backstage.sql(open_now)[0])) >= plugins and time.monotonic() < deadline:
        time.sleep(2)
    assert count < plugins, f"{count} connections of {plugins} plugins"


def test_told_to_stop_it_answers_for_the_delay_while_it_says_that_it_is_not_ready(backstage: Backstage) -> None:
    """The last one: it ends the backend."""
    os.kill(backstage.program.pid, signal.SIGTERM)
    told = time.monotonic()
    while backstage.is_ready():
        assert time.monotonic() < told + 1, "new requests go on coming"
    while time.monotonic() < told + DELAY_SECONDS - 1:
        assert backstage.get(CATALOG).status == 200
        assert not backstage.is_ready()
        time.sleep(0.2)
    while backstage.program.ended() is None:
        assert time.monotonic() < told + DELAY_SECONDS + 20
        time.sleep(0.2)

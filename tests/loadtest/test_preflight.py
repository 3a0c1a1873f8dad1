"""What stands against a run is said before it begins, all of it at once."""

import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtest.credentials import expires_at
from loadtest.preflight import Generators, cores_here, generators, guilty_of_production, hostname, of_token, preflight
from loadtest.shapes.profiles import named
from tests.loadtest.conftest import Run, Target

Serve = Callable[..., Target]
Locust = Callable[..., Run]


@pytest.fixture
def portal() -> Iterator[str]:
    """Knows one token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/api/health" or self.headers.get("Authorization") == "Bearer good"
            body = json.dumps({"status": "healthy"}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(
    host: str,
    *,
    token: str = "",
    rate: float = 20,
    cores: float = 1,
    path: str = "/api/health",
    lacking: tuple[str, ...] = (),
    scales: bool = False,
) -> list[str]:
    return preflight(
        host,
        plan=named("steady", rate_rps=rate),
        generators=Generators(processes=2, cores=cores),
        health_path=path,
        token=token,
        lacking=lacking,
        credentials=of_token(token),
        production=["portal.example.com"],
        allowed=False,
        scales=scales,
    )


def test_nothing_stands_against_a_portal_that_knows_the_token(portal: str) -> None:
    assert asked(portal, token="good") == []


def test_a_refused_token_is_named_with_its_status_and_never_shown(portal: str) -> None:
    (problem,) = asked(portal, token="stale-secret")
    assert "PORTAL_TOKEN is refused" in problem
    assert "401" in problem
    assert "stale-secret" not in problem


def json_web_token(claims: object) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims))
    return ".".join([*parts, "signature"])


@pytest.mark.parametrize(
    "token",
    ["static-secret", "a.b.c", "..", json_web_token({"sub": "x"}), json_web_token([]), json_web_token({"exp": "x"})],
)
def test_a_token_without_a_known_end_stands_against_nothing(token: str) -> None:
    assert expires_at(token) is None
    assert asked("http://127.0.0.1:9", token=token, path="") == asked("http://127.0.0.1:9", token="b", path="")


@pytest.mark.parametrize(
    ("lives_seconds", "said"),
    [(-60, "expired 60 s ago"), (300, "the run takes 600 s, and nobody renews it"), (3600, "")],
)
def test_a_static_token_that_ends_before_the_run_does_is_refused(lives_seconds: float, said: str) -> None:
    token = json_web_token({"exp": time.time() + lives_seconds})
    problems = [text for text in asked("http://127.0.0.1:9", token=token, path="") if "expire" in text]
    assert len(problems) == (1 if said else 0)
    assert all(said in text and token not in text for text in problems)


def test_all_reasons_come_at_once(portal: str) -> None:
    assert len(asked(portal, token="stale", rate=9000)) == 2


def test_a_rate_that_the_generators_cannot_send_says_how_many_can() -> None:
    (problem,) = asked("http://127.0.0.1:9", rate=9000, cores=2, path="")
    assert "2 generators on 2 cores send 6,000 at most" in problem
    assert "start 3 on as many cores" in problem
    assert asked("http://127.0.0.1:9", rate=6000, cores=2, path="") == []


@pytest.mark.parametrize(
    ("workers", "here", "cores"),
    [
        (None, 8, 1),
        (None, 0.5, 0.5),
        (["HERE_1"], 2, 1),
        (["HERE_1", "HERE_2", "HERE_3", "HERE_4"], 2, 2),
        (["HERE_1", "HERE_2", "HERE_3", "pod_a_4"], 2, 3),
    ],
)
def test_workers_of_this_machine_share_its_cores(workers: list[str] | None, here: float, cores: float) -> None:
    known = workers and [worker.replace("HERE", socket.gethostname()) for worker in workers]
    assert generators(known, here=here).cores == cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, cores_here(Path("/absent"))),
        ({"cpu.max": "50000 100000"}, 0.5),
        ({"cpu.max": "max 100000"}, cores_here(Path("/absent"))),
        ({"cpu/cpu.cfs_quota_us": "25000", "cpu/cpu.cfs_period_us": "100000"}, 0.25),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, cores_here(Path("/absent"))),
    ],
)
def test_a_container_has_no_more_cores_than_its_quota(files: dict[str, str], cores: float, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores_here(tmp_path) == cores


def test_of_a_production_host_nothing_is_asked() -> None:
    (problem,) = asked("https://portal.example.com")
    assert "--yes-load-production" in problem


@pytest.mark.parametrize(
    ("host", "patterns", "guilty"),
    [
        ("https://portal.example.com", [], True),
        ("https://10.0.0.7", [], True),
        ("http://127.0.0.1:7007", [], False),
        ("http://[::1]:7007", [], False),
        ("http://LOCALHOST:7007", [], False),
        ("https://portal.staging.example.com", ["portal.example.com"], False),
        ("https://portal.staging.example.com", ["none"], False),
        ("https://Portal.Example.COM", ["portal.example.com"], True),
        ("https://portal.example.com.", ["portal.example.com"], True),
        ("https://portal.example.com", ["Portal.example.com."], True),
        ("http://127.0.0.1:7007", ["127.*"], True),
    ],
)
def test_a_host_is_production_where_nobody_says_otherwise(host: str, patterns: list[str], guilty: bool) -> None:
    assert (guilty_of_production(hostname(host), patterns) is not None) is guilty


def test_without_a_token_only_loopback_is_asked_by_what_is_left() -> None:
    (problem,) = asked("http://portal.invalid", path="", lacking=("Search",))
    assert "PORTAL_TOKEN is not set, so Search would be left out" in problem
    assert asked("http://127.0.0.1:9", path="", lacking=("Search",)) == []


LISTENS = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("words", "forwards"), [(["port-forward", "svc/portal"], True), (["proxy"], False)])
def test_an_autoscaler_is_not_tested_through_a_port_forward(words: list[str], forwards: bool, tmp_path: Path) -> None:
    """It would be blamed for new replicas that no request ever reaches."""
    (tmp_path / words[0]).write_text(LISTENS)
    process = subprocess.Popen([sys.executable, *words], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        host = f"http://127.0.0.1:{int(process.stdout.readline())}"
        problems = asked(host, path="", scales=True)
        assert asked(host, path="") == []
        process.kill()
    assert ["every request to one pod" in text for text in problems] == [True] * forwards


@pytest.mark.parametrize("body", ["<html>Welcome to nginx</html>", "[]", '{"state": "up"}'])
def test_another_service_that_answers_200_is_not_the_portal(serve: Serve, body: str) -> None:
    (problem,) = asked(serve("--healthy-answers", "0", "--body", body).url)
    assert "the target is not the portal" in problem


def test_of_another_health_path_the_status_alone_counts(serve: Serve) -> None:
    assert asked(serve("--healthy-answers", "0", "--body", "fine").url, path="/healthcheck") == []


def test_a_run_against_another_service_is_refused_and_sends_nothing(serve: Serve, locust: Locust) -> None:
    run = locust("--profile", "smoke", host=serve("--healthy-answers", "0", "--body", "<html>").url)
    assert run.ended() == 3, run.output
    assert "not the portal" in run.report["verdict"]["sentence"]
    assert run.report["endpoints"] == []

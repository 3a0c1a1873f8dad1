"""The stand-in of the frontend, in front of a backend that says what reached it."""

import json
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from loadtest.target.embedded import BACKEND
from tools.cluster.processes import Program, free_ports


class Echo(BaseHTTPRequestHandler):
    """Answers 418 with what it was asked, and its readiness with 200."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = {"path": self.path, "body": body.decode(), "authorization": self.headers.get("authorization")}
        text = json.dumps(said).encode()
        self.send_response(200 if self.path.endswith("readiness") else 418)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Gateway:
    def __init__(self, port: int) -> None:
        self._port = port

    def ask(
        self, path: str, *, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", data=data, headers=headers or {})
        try:
            answer = urllib.request.urlopen(request, timeout=5)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
        named = {key.lower(): value for key, value in answer.headers.items()}
        return answer.status, json.loads(text) if text.startswith("{") else text, named


@pytest.fixture
def backend() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gateway(backend: ThreadingHTTPServer, tmp_path: Path) -> Iterator[Gateway]:
    node = shutil.which("node")
    assert node
    (port,) = free_ports(1)
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BACKEND_PORT": str(backend.server_port)}
    program = Program([node, "gateway.cjs"], tmp_path / "log", folder=BACKEND, environment=environment)
    try:
        asking = Gateway(port)
        deadline = time.monotonic() + 10
        while True:
            try:
                asking.ask("/api/health")
                break
            except urllib.error.URLError:
                assert time.monotonic() < deadline, program.last_words()
                time.sleep(0.05)
        yield asking
    finally:
        program.kill()


def test_health_tells_of_the_backend(gateway: Gateway, backend: ThreadingHTTPServer) -> None:
    status, body, _ = gateway.ask("/api/health")
    assert (status, body["status"], body["services"]["backstage"]["status"]) == (200, "healthy", "healthy")
    assert set(body) == {"status", "version", "uptime", "services"}
    backend.shutdown()
    backend.server_close()
    status, body, _ = gateway.ask("/api/health")
    assert (status, body["status"]) == (200, "degraded")


def test_it_is_not_ready_and_says_so_when_the_backend_is_gone(gateway: Gateway, backend: ThreadingHTTPServer) -> None:
    assert gateway.ask("/api/health/ready")[0] == 200
    backend.shutdown()
    backend.server_close()
    assert gateway.ask("/api/health/ready")[0] == 503
    assert gateway.ask("/api/catalog/entities")[0] == 502


def test_the_rest_reaches_the_backend_as_it_was_sent(gateway: Gateway) -> None:
    headers = {"authorization": "Bearer x", "content-type": "application/json"}
    status, said, _ = gateway.ask("/api/scaffolder/v2/tasks?x=1%202", body={"a": 1}, headers=headers)
    assert status == 418
    assert said == {"path": "/api/scaffolder/v2/tasks?x=1%202", "body": '{"a": 1}', "authorization": "Bearer x"}


def test_the_documented_proxy_path_leads_to_the_same_place(gateway: Gateway) -> None:
    assert gateway.ask("/api/backstage/catalog/entity-facets?facet=kind")[1]["path"] == (
        "/api/catalog/entity-facets?facet=kind"
    )


def test_plugins_come_in_pages_and_by_category(gateway: Gateway) -> None:
    _, first, _ = gateway.ask("/api/plugins?limit=5&page=1")
    _, second, _ = gateway.ask("/api/plugins?limit=5&page=2")
    assert len(first["plugins"]) == len(second["plugins"]) == 5
    assert not {each["id"] for each in first["plugins"]} & {each["id"] for each in second["plugins"]}
    assert first["total"] == second["total"] >= 10
    _, found, _ = gateway.ask("/api/plugins?category=search&search=module")
    assert found["total"] > 0
    assert {each["category"] for each in found["plugins"]} == {"search"}
    assert gateway.ask("/api/plugins?limit=1000")[0] == 400


def test_plugins_are_listed_thirty_times_a_minute(gateway: Gateway) -> None:
    answers = [gateway.ask("/api/plugins") for _ in range(32)]
    assert [status for status, _, _ in answers] == [200] * 30 + [429] * 2
    assert 0 < int(answers[-1][2]["retry-after"]) <= 60


def test_installing_needs_a_sign_in_and_a_plugin_that_exists(gateway: Gateway) -> None:
    signed_in = {"authorization": "Bearer x"}
    assert gateway.ask("/api/plugins/install", body={"pluginId": "catalog-backend"})[0] == 401
    assert gateway.ask("/api/plugins/install", body={"pluginId": "catalog-backend"}, headers=signed_in)[0] == 202
    assert gateway.ask("/api/plugins/install", body={"pluginId": "none"}, headers=signed_in)[0] == 404


def test_its_metrics_count_what_it_answered(gateway: Gateway) -> None:
    gateway.ask("/api/plugins")
    _, text, _ = gateway.ask("/api/metrics")
    assert 'http_requests_total{method="GET",status="200"} 2' in text

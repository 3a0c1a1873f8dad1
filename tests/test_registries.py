"""Digests come from registries, by their protocols, and are never guessed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from portal import registries
from portal.registries import UNRESOLVED, Registries

DIGEST = "sha256:" + "a" * 64
INDEX = f"""
entries:
  portal:
    - {{version: 1.0.0, digest: {"b" * 64}}}
    - {{version: 2.0.0, digest: {"c" * 64}}}
"""


class Stub(BaseHTTPRequestHandler):
    """A chart repository, an image registry that wants an anonymous token, and a provider registry, on one port."""

    asked: list[str]
    token_field = "token"

    def do_HEAD(self) -> None:
        if self.path.startswith("/v2/secret/"):
            self._answer(401, {"WWW-Authenticate": 'Basic charset="UTF-8"'})
        elif self.headers.get("Authorization") != "Bearer anonymous":
            realm = f"http://{self.headers['Host']}/token"
            scope = "repository:portal/app:pull"
            self._answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="stub",scope="{scope}"'})
        elif self.path == "/v2/portal/app/manifests/1.0":
            self._answer(200, {"Docker-Content-Digest": DIGEST})
        else:
            self._answer(404, {})

    def do_GET(self) -> None:
        self.asked.append(self.path)
        bodies = {
            "/charts/index.yaml": INDEX,
            "/token?service=stub&scope=repository%3Aportal%2Fapp%3Apull": f'{{"{self.token_field}": "anonymous"}}',
            "/v1/providers/hashicorp/aws/6.25.0/download/linux/amd64": '{"shasum": "' + "d" * 64 + '"}',
        }
        body = bodies.get(self.path)
        self._answer(200 if body else 404, {}, body or "")

    def _answer(self, code: int, headers: dict[str, str], body: str = "") -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Stub.asked = []
    server = HTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = f"127.0.0.1:{server.server_port}"
    monkeypatch.setattr(registries, "SCHEME", "http")
    monkeypatch.setattr(registries, "PROVIDER_REGISTRY", f"http://{name}")
    yield name
    server.shutdown()


def test_an_images_digest_is_read_with_an_anonymous_token(host: str) -> None:
    assert Registries().image_digest(repository=f"{host}/portal/app", tag="1.0") == DIGEST


def test_some_registries_call_it_an_access_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stub, "token_field", "access_token")
    assert Registries().image_digest(repository=f"{host}/portal/app", tag="1.0") == DIGEST


def test_a_registry_that_wants_a_password_is_unresolved(host: str) -> None:
    assert Registries().image_digest(repository=f"{host}/secret/app", tag="1.0") == UNRESOLVED
    assert Stub.asked == [], "no token is asked for"


def test_a_tag_that_is_not_there_is_unresolved(host: str) -> None:
    assert Registries().image_digest(repository=f"{host}/portal/app", tag="2.0") == UNRESOLVED


def test_a_charts_digest_is_the_one_of_its_version(host: str) -> None:
    repository = f"http://{host}/charts/"
    ask = Registries()
    assert ask.chart_digest(repository=repository, name="portal", version="2.0.0") == "sha256:" + "c" * 64
    assert ask.chart_digest(repository=repository, name="portal", version="3.0.0") == UNRESOLVED
    assert ask.chart_digest(repository=repository, name="other", version="1.0.0") == UNRESOLVED
    assert Stub.asked == ["/charts/index.yaml"], "the index is read once"


def test_a_chart_in_an_oci_registry_is_an_image(host: str) -> None:
    digest = Registries().chart_digest(repository=f"oci://{host}/portal", name="app", version="1.0")
    assert digest == DIGEST


def test_a_providers_digest_is_that_of_its_package(host: str) -> None:
    assert Registries().provider_digest(source="hashicorp/aws", version="6.25.0") == "sha256:" + "d" * 64


def test_a_host_out_of_reach_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def refuse(request: Any, timeout: float) -> None:
        attempts.append(request.full_url)
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    ask = Registries()
    for tag in ("1", "2", "3"):
        assert ask.image_digest(repository="registry.example.com/a/b", tag=tag) == UNRESOLVED
    assert len(attempts) == 1

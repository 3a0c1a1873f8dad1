"""Whether a chart repository can be asked, tried on loopback."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from portal.review import charts
from tests.review.documents import small_stack


class Answers(BaseHTTPRequestHandler):
    """Answers `/<code>/index.yaml` with that code, anything else with 500."""

    def do_GET(self) -> None:
        code, _, page = self.path.strip("/").partition("/")
        self.send_response(int(code) if page == "index.yaml" else 500)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["/200", "/200/", "/404", "/401"])
def test_a_repository_that_answers_is_left_to_the_helm_provider(host: str, path: str) -> None:
    assert charts.unreachable(host + path) is None


def test_a_proxy_that_forbids_is_no_answer_of_the_repository(host: str) -> None:
    assert charts.unreachable(f"{host}/403") == "HTTP 403"


@pytest.mark.parametrize("repository", ["http://127.0.0.1:9/charts", "oci://127.0.0.1:9/charts"])
def test_a_closed_port_is_not_reachable(repository: str) -> None:
    assert charts.unreachable(repository) == "Connection refused"


def test_releases_of_closed_repositories_are_left_out_and_own_charts_stay() -> None:
    stack = small_stack(
        {
            "own": ("helm_release", {"chart": "assets/own"}),
            "far": ("helm_release", {"chart": "far", "repository": "https://far.example"}),
            "near": ("helm_release", {"chart": "near", "repository": "https://near.example"}),
        }
    )
    assert charts.repositories(stack) == {"https://far.example", "https://near.example"}
    assert charts.without(stack, {"https://far.example"})["resource"]["helm_release"].keys() == {"own", "near"}


def test_without_its_last_release_a_stack_has_no_release_block() -> None:
    stack = small_stack({"far": ("helm_release", {"repository": "https://far.example"})})
    assert charts.without(stack, {"https://far.example"})["resource"] == {}

"""The tabs in Locust's web UI, as a person sees them: a real Locust and a real browser."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import browser_page
from tests.loadtest.conftest import Run, Target

SEEN_WITHIN_MS = 25_000

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


@pytest.fixture
def page() -> Iterator[Page]:
    with browser_page() as page:
        page.set_default_timeout(SEEN_WITHIN_MS)
        expect.set_options(timeout=SEEN_WITHIN_MS)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
    assert wrong == []


@pytest.fixture
def opened(page: Page, locust: Callable[..., Run]) -> Iterator[Callable[..., Run]]:
    """Starts Locust with its web UI and opens it; ended by Ctrl-C, as people do."""
    started: list[Run] = []

    def start(host: str, *arguments: str) -> Run:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        web = ("--web-host", "127.0.0.1", "--web-port", str(port))
        started.append(locust(*web, *arguments, host=host, headless=False))
        deadline = time.monotonic() + 20
        while not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        page.goto(f"http://127.0.0.1:{port}/")
        return started[0]

    yield start
    (run,) = started
    run.process.send_signal(signal.SIGINT)
    run.ended()
    assert "Traceback" not in run.output


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def begin(page: Page) -> None:
    page.get_by_role("button", name="Start").click()


def row(page: Page, tab: str, name: str) -> str:
    """What stands beside `name` in a tab."""
    page.get_by_role("tab", name=tab).click()
    found = page.locator("tbody tr", has=page.get_by_role("cell", name=name, exact=True))
    expect(found.first).to_be_visible()
    return " | ".join(found.first.get_by_role("cell").all_inner_texts()[1:])


LOAD = ("--profile", "steady", "--rate", "20", "--run-time", "12s", "--stop-timeout", "1")


@pytest.mark.parametrize("workers", [(), ("--processes", "2")])
def test_a_run_from_the_web_ui_shows_how_it_stands_ends_with_a_verdict_and_can_be_started_again(
    workers: tuple[str, ...], page: Page, serve: Callable[..., Target], opened: Callable[..., Run]
) -> None:
    run = opened(serve().url, *LOAD, *workers)
    begin(page)
    assert "steady" in row(page, "Run and verdict", "Profile")
    expect(page.get_by_text("steady, 1", exact=False)).to_be_visible()
    offered, achieved = row(page, "Run and verdict", "Offered, achieved").split(", ")
    assert float(offered.removesuffix("/s")) == pytest.approx(float(achieved.removesuffix("/s")), rel=0.1)
    limits = row(page, "Objectives", "portal")
    assert "p95 at most 200 ms" in limits
    assert "met" in limits
    assert float(row(page, "Latency, last 10 s", "GET /api/health").split(" | ")[3]) > 0
    page.get_by_role("tab", name="Run and verdict").click()
    expect(page.get_by_text("passed (exit code 0)")).to_be_visible()

    page.get_by_role("button", name="New").click()
    begin(page)
    expect(page.get_by_text("passed (exit code 0)")).to_be_hidden()
    expect(page.get_by_text("s since the start")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("invalid_run (exit code 3)")).to_be_visible()
    assert "interrupted after" in row(page, "Run and verdict", "Reason 1")

    first, second = sorted(run.directory.iterdir())
    verdicts = [json.loads((each / "report.json").read_text())["verdict"]["result"] for each in (first, second)]
    assert verdicts == ["passed", "invalid_run"]


def test_why_a_run_was_refused_is_seen_and_the_next_one_is_asked_anew(
    page: Page, serve: Callable[..., Target], opened: Callable[..., Run]
) -> None:
    target = serve()
    opened("http://127.0.0.1:9", *LOAD[:4], "--run-time", "5s")
    begin(page)
    assert "never got ready" in row(page, "Run and verdict", "Reason 1")
    page.get_by_role("button", name="New").click()
    page.get_by_label("Host").fill(target.url)
    begin(page)
    expect(page.get_by_text("passed (exit code 0)")).to_be_visible()


def test_what_the_form_lets_through_is_refused_with_the_field_and_the_value(
    page: Page, serve: Callable[..., Target], opened: Callable[..., Run]
) -> None:
    opened(serve().url, "--run-time", "5s")
    page.get_by_text("Advanced options").click()
    page.get_by_label("Profile", exact=True).fill("nonsense")
    begin(page)
    assert "profile = nonsense is none of" in row(page, "Run and verdict", "Reason 1")

"""The report's page in a real browser, without a network: it draws, and it can be read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from loadtest.report.page import PLOTS, page
from tests.browser import browser_page
from tests.loadtest.report.test_page import HOSTILE, full

pytestmark = pytest.mark.slow

WIDTHS = {"phone": 390, "desk": 1280}


@pytest.fixture(params=WIDTHS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    assert PLOTS.is_dir(), "make setup"
    file = tmp_path / "report.html"
    file.write_text(page(full()), encoding="utf-8")
    wrong: list[str] = []
    with browser_page(viewport={"width": WIDTHS[request.param], "height": 800}, offline=True) as shown:
        asked: list[str] = []
        shown.on("console", lambda message: wrong.append(message.text))
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on("dialog", lambda _: wrong.append("a script of the target ran"))
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(file.as_uri())
        yield shown
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


INK = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 3 && value > 0);
}"""


def test_every_plot_is_drawn(opened: Page) -> None:
    for name in ("rates", "latency", "replicas", "distribution"):
        assert opened.locator(f"#{name} canvas").evaluate(INK), name


def test_nothing_is_wider_than_the_screen(opened: Page) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_plots_and_tables_have_names_for_those_who_do_not_see_them(opened: Page) -> None:
    plots = opened.locator(".plot")
    assert plots.count() == 4
    for plot in plots.all():
        assert plot.get_attribute("role") == "img"
        assert plot.get_attribute("aria-label")
    tables = opened.locator("[role=region]")
    assert tables.count() >= 8
    for table in tables.all():
        assert table.get_attribute("aria-label")
    assert opened.get_by_role("heading", level=1).count() == 1


def test_what_a_target_answered_is_shown_and_never_run(opened: Page) -> None:
    assert opened.get_by_text(f"content: {HOSTILE}").count() == 1

"""A real browser for pages that people read: Debian's chromium."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
WIDTHS = {"phone": 390, "desk": 1280}
INK = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 === 3 && value > 0);
}"""
"""Whether anything is drawn on it."""


def needs_chromium() -> None:
    """Without it the test is skipped, or fails where CI is set."""
    if not CHROMIUM.exists():
        advice = "needs Debian's chromium: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(advice)


@contextmanager
def browser_page(**context: Any) -> Iterator[Page]:
    """A page of a new browser. `context`: options of playwright's `new_context`, such as `viewport`."""
    needs_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser.new_context(**context).new_page()
        finally:
            browser.close()


@contextmanager
def report_page(file: Path, *, width: int) -> Iterator[Page]:
    """A load test's report without a network; at the end, nothing was wrong on it and nothing was asked for."""
    wrong, asked = list[str](), list[str]()
    with browser_page(viewport={"width": width, "height": 800}, offline=True) as shown:
        shown.on("console", lambda message: wrong.append(message.text))
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on("dialog", lambda _: wrong.append("a script of the target ran"))
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(file.as_uri())
        yield shown
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

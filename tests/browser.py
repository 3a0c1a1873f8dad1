"""A real browser for pages that people read: Debian's chromium."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")


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

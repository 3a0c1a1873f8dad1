"""Fixtures for all tests. Each stack is synthesized once a session, when the first test asks for it."""

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from portal import bindings


class NoLocust(MetaPathFinder):
    """Locust changes threads, sockets and locks of the process that imports it; in pytest's that is a deadlock."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "locust":
            raise ImportError("a test imports locust into pytest's own process; run it in one of its own")


sys.meta_path.insert(0, NoLocust())
bindings.install()

# Bindings come before cdktf, which these import.
from portal.spec.loader import Environments, load_environments  # noqa: E402
from portal.spec.versions import Versions, load_versions  # noqa: E402
from tests.synthesized import SynthesizedStack, synthesized  # noqa: E402

ROOT = Path(__file__).parent.parent

StackOf = Callable[[str], SynthesizedStack]


@pytest.fixture(scope="session")
def environments() -> Environments:
    return load_environments(ROOT / "environments")


@pytest.fixture(scope="session")
def versions() -> Versions:
    return load_versions()


@pytest.fixture(scope="session")
def stack(environments: Environments, versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> StackOf:
    """`stack("prod-aws")`: that stack as committed data make it."""

    @cache
    def synthesize(name: str) -> SynthesizedStack:
        return synthesized(name, environments, versions, tmp_path_factory.mktemp(name))

    return synthesize


@pytest.hookimpl(tryfirst=True)  # Before pytest-xdist reads the marks.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests by the clock go in lines side by side, in each one after another: of a cluster, of the load test.

    They wait more than they work. A module may name another line, so that none is much longer than the others.
    """
    for item in items:
        if item.get_closest_marker("realtime") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT / "tests").parts[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI a skipped test is a failure unless it says what it lacks."""
    if not os.environ.get("CI"):
        return
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if reason.removeprefix("Skipped: ") in ("", "unconditional skip") or "got empty parameter set" in reason:
            terminalreporter.write_line(f"Skipped without a reason: {report.nodeid}", red=True)
            session = terminalreporter._session
            assert session is not None
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

"""A report that would go with its process is kept until it is taken."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.loadtest.conftest import Run, Target

Serve = Callable[..., Target]
Locust = Callable[..., Run]

pytestmark = pytest.mark.slow

SHORT = ("--profile", "steady", "--rate", "20", "--run-time", "3s", "--stop-timeout", "1")
LONG_SECONDS = 300


def kept(serve: Serve, locust: Locust, *arguments: str) -> Run:
    """A run that has ended, and whose process has not."""
    run = locust(*SHORT, "--keep-report-seconds", str(LONG_SECONDS), *arguments, host=serve().url)
    run.wait_for(f"It is kept for {LONG_SECONDS} s, or until there is a file {run.directory}/taken")
    assert run.report["verdict"]["result"] == "passed"
    return run


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["alone", "with workers"])
def test_until_somebody_has_taken_it(serve: Serve, locust: Locust, processes: tuple[str, ...]) -> None:
    run = kept(serve, locust, *processes)
    time.sleep(1)
    assert run.process.poll() is None
    (run.directory / "taken").touch()
    assert run.ended() == 0, run.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_until_the_process_is_told_to_end(serve: Serve, locust: Locust, number: int) -> None:
    run = kept(serve, locust)
    run.process.send_signal(number)
    assert run.ended() == 0, run.output
    assert "Traceback" not in run.output


def test_until_its_time_is_up_whatever_was_taken_before(serve: Serve, locust: Locust) -> None:
    run = locust(*SHORT, "--keep-report-seconds", "2", host=serve().url)
    run.directory.mkdir(exist_ok=True)
    (run.directory / "taken").touch()
    run.wait_for("It is kept for 2 s")
    told = time.monotonic()
    assert run.ended() == 0, run.output
    assert time.monotonic() - told > 1


def test_a_time_that_is_none_is_wrong_usage(locust: Locust) -> None:
    run = locust(*SHORT, "--keep-report-seconds", "ten", host="http://127.0.0.1:9")
    assert run.ended() == 2
    assert "ten is not a number of seconds" in run.output

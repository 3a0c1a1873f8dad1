"""A run survives the way to a file and back, and says what it cannot read."""

import gzip
from pathlib import Path

import pytest

from loadtest.recording.histogram import Histogram
from loadtest.run import Arrivals, BrokenRun, Cell, Phase, Plan, RecordedRun, Target, Worker, read, write

PLAN = Plan(
    profile="steady",
    model="open",
    arrivals="poisson",
    phases=(
        Phase(name="warm-up", label="warm-up", start_seconds=0, end_seconds=10, offered_rps=5),
        Phase(name="steady", label="steady", start_seconds=10, end_seconds=20, offered_rps=50),
    ),
)
RUN = RecordedRun(
    plan=PLAN,
    target=Target(url="http://127.0.0.1:1", stand_ins=("the gateway",)),
    started_at="2026-01-01T00:00:00Z",
    duration_seconds=20,
    ended="completed",
    cells=(
        Cell(
            endpoint="GET /a",
            phase="steady",
            second=11,
            latency=Histogram.recorded([5_000_000, 900]),
            service_time_when_other=Histogram.recorded([1000, 900]),
            failures={"HTTP 500": 1},
        ),
    ),
    workers=(Worker(id="local", cpu_percent=(12.5,)),),
    arrivals=Arrivals(planned=(5, 6), started=(5, 5), start_delay=Histogram.recorded([12])),
)


def test_a_run_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "run.json.gz"
    write(RUN, file)
    assert read(file) == RUN


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b'{"version": 99}')],
    # Named: what is packed holds the time, and tests that run in two processes must be called the same in both.
    ids=["nothing", "plain", "packed", "another version"],
)
def test_a_file_that_is_no_run_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.gz"
    file.write_bytes(content)
    with pytest.raises(BrokenRun, match=r"other\.gz is not a recorded run"):
        read(file)


def test_a_moment_belongs_to_the_phase_that_began_last() -> None:
    assert [PLAN.phase_at(at).name for at in (0, 9.99, 10, 25)] == ["warm-up", "warm-up", "steady", "steady"]


def test_what_was_not_started_was_dropped() -> None:
    assert RUN.arrivals
    assert RUN.arrivals.dropped == 1


def test_without_waiting_latency_is_service_time() -> None:
    cell = Cell(endpoint="a", phase="steady", second=0, latency=Histogram.recorded([7]))
    assert cell.service_time is cell.latency
    assert RUN.cells[0].service_time.maximum() == 1000

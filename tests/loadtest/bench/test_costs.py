"""What the benches measure is what they say, and at full size it stays within what is promised."""

import pytest

from loadtest.bench import recording, soak_report, verdict
from loadtest.bench.synthetic import Size, collected, recorded

SMALL = Size(profile="steady", seconds=60, rate_rps=200)


def test_a_run_that_is_made_up_holds_every_request_of_every_worker() -> None:
    run = recorded(SMALL, collected(SMALL))
    assert sum(cell.requests for cell in run.cells) == SMALL.samples == 60 * 200
    assert len(run.cells) == 60 * SMALL.endpoints
    assert {worker.reports_missing for worker in run.workers} == {0}
    assert run.arrivals
    assert run.arrivals.dropped == 0


def test_the_verdict_is_measured_in_a_process_of_its_own() -> None:
    large = bytearray(300_000_000)
    large[::4096] = bytes(1 + (len(large) - 1) // 4096)  # touched, so that it is really there
    cost = verdict.measure(SMALL)
    assert cost.samples == SMALL.samples
    assert cost.seconds > 0
    assert 10 < cost.memory_mb < 200, "the memory of the process that asked is not counted"


def test_recording_a_request_takes_microseconds() -> None:
    assert 0.1 < recording.measure(30_000).microseconds < 50


@pytest.mark.slow
def test_eight_hours_make_a_page_of_less_than_3_mb_within_seconds() -> None:
    cost = soak_report.measure()
    assert cost.samples > 1_000_000
    assert cost.page_mb < 3
    assert cost.seconds < 30

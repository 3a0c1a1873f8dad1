"""From Locust's events to cells, and from workers to the master, without loss."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.recording.collector import Collector
from loadtest.recording.histogram import Histogram
from loadtest.recording.recorder import DROPPED, DUE, REASONS_AT_MOST, REST, SENT, Recorder, reason_of
from loadtest.run import LATE_SECONDS, Cell, Phase, Plan

PLAN = Plan(
    profile="x",
    model="closed",
    phases=(
        Phase(name="warm-up", label="w", start_seconds=0, end_seconds=10),
        Phase(name="steady", label="s", start_seconds=10, end_seconds=None),
    ),
)


class BadStatus(Exception):
    """As Locust's own; importing that would put gevent under everything in this process."""

    code = 503


def recorder() -> Recorder:
    return Recorder(PLAN, clock_zero=time.perf_counter())


def collected(*recorders: Recorder) -> Collector:
    collector = Collector()
    for number, one in enumerate(recorders):
        report = one.drain() | {"number": 0, "sent_at": 0.0, "cpu_percent": [], "final": True}
        collector.add(f"w{number}", report, received_at=0.0)
    return collector


def due(collector: Collector) -> Cell:
    """The one cell in which something was due."""
    (cell,) = (cell for cell in collector.cells() if cell.requests)
    return cell


def test_latency_counts_from_when_a_request_was_due_and_service_time_from_when_it_was_sent() -> None:
    one = recorder()
    one.on_request("GET", "/a", response_time=100, context={DUE: 11.0, SENT: 14.0})
    cell = due(collected(one))
    assert (cell.endpoint, cell.phase, cell.second) == ("GET /a", "steady", 11)
    assert cell.latency == Histogram.recorded([3_100_000])
    assert cell.service_time == Histogram.recorded([100_000])


def test_a_sample_belongs_to_the_phase_in_which_it_was_due_not_in_which_it_came_back() -> None:
    one = recorder()
    one.sample("GET /a", due=9.9, latency=5, service=5)
    assert due(collected(one)).phase == "warm-up"


def test_an_answer_counts_in_the_second_in_which_it_came_and_a_failure_is_none() -> None:
    one = recorder()
    for number in range(4):
        one.sample("GET /a", due=9.5, latency=2, service=2, failed=BadStatus("x") if number == 3 else None)
    one.sample("GET /a", due=11.1, latency=0.1, service=0.1)
    assert {cell.second: (cell.requests, cell.answered) for cell in collected(one).cells()} == {9: (4, 0), 11: (1, 4)}


def test_how_long_the_failed_took_is_told_apart() -> None:
    one = recorder()
    one.sample("GET /a", due=11, latency=0.05, service=0.05)
    one.sample("GET /a", due=11, latency=0.2, service=0.2, failed=BadStatus("x"))
    assert due(collected(one)).latency_of_failed == Histogram.recorded([200_000])


def test_who_was_dropped_failed_after_the_wait_and_was_never_sent() -> None:
    one = recorder()
    one.dropped("GET /a", due=11.5, waited=30)
    cell = due(collected(one))
    assert (cell.second, cell.failures, cell.answered) == (11, {DROPPED: 1}, 0)
    assert cell.latency == cell.latency_of_failed == Histogram.recorded([30_000_000])
    assert len(cell.service_time) == 0


def test_how_late_the_process_itself_was_is_kept_by_the_second_beyond_what_any_machine_is() -> None:
    one, collector = recorder(), Collector()
    one.now = lambda: 20.3  # type: ignore[method-assign]
    for moment in (20.26, 20.0, 19.0, 17.3):
        one.woke(moment)
    collector.add("w", one.drain() | {"number": 0, "sent_at": 0.0, "cpu_percent": []}, received_at=0.0)
    (worker,) = collector.workers()
    assert worker.late_seconds[17:] == pytest.approx((3 - LATE_SECONDS, 0, 1.3 - LATE_SECONDS, 0.3 - LATE_SECONDS))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(min_value=1, max_value=5), st.integers(min_value=1, max_value=300))
def test_the_samples_of_all_workers_come_together(workers: int, samples: int) -> None:
    chance = random.Random(samples)
    recorders = [recorder() for _ in range(workers)]
    durations = [chance.uniform(0, 60) for _ in range(samples)]
    for index, duration in enumerate(durations):
        recorders[index % workers].sample("GET /a", due=20.5, latency=duration, service=duration)
    cells = collected(*recorders).cells()
    (cell,) = (cell for cell in cells if cell.requests)
    assert sum(each.answered for each in cells) == samples
    assert cell.latency == Histogram.recorded(int(duration * 1e6) for duration in durations)


def test_what_was_drained_is_not_told_twice() -> None:
    one = recorder()
    one.sample("GET /a", due=1, latency=0.5, service=0.5)
    assert len(one.drain()["cells"]) == 1
    assert one.drain()["cells"] == []


def test_a_report_that_never_came_is_noticed() -> None:
    collector = Collector()
    for number in (0, 1, 3):
        report = recorder().drain() | {"number": number, "sent_at": 0.0, "cpu_percent": [1.0]}
        collector.add("w", report, received_at=0.0)
    assert [(worker.reports_missing, len(worker.cpu_percent)) for worker in collector.workers()] == [(1, 3)]


def test_the_clock_of_a_worker_is_told_apart_from_a_slow_way() -> None:
    collector = Collector()
    for number, delay in enumerate((0.9, 0.01, 2.0)):
        report = recorder().drain() | {"number": number, "sent_at": 100.0 + 5, "cpu_percent": []}
        collector.add("w", report, received_at=100.0 + delay)
    (worker,) = collector.workers()
    assert abs(worker.clock_offset_seconds - 5) < 0.02


def test_reasons_are_short_and_do_not_grow_without_bound() -> None:
    one = recorder()
    one.sample("GET /a", due=1, latency=1, service=1, failed=BadStatus("http://x/secret"))
    for number in range(2 * REASONS_AT_MOST):
        one.sample("GET /a", due=1, latency=1, service=1, failed=ValueError(f"id {number}"))
    failures = collected(one).cells()[0].failures
    assert failures["HTTP 503"] == 1
    assert len(failures) == REASONS_AT_MOST + 1
    assert failures[REST] == 2 * REASONS_AT_MOST - (REASONS_AT_MOST - 1)


def test_recording_a_sample_takes_under_10_microseconds() -> None:
    one = recorder()
    started = time.perf_counter()
    for number in range(20_000):
        one.on_request("GET", "/a", response_time=number % 500, context={SENT: number / 1000})
    assert (time.perf_counter() - started) / 20_000 < 10e-6


def test_a_reason_is_text_that_any_file_can_hold() -> None:
    """Half of a surrogate pair, as JSON may bring it, is not."""
    assert reason_of(ValueError("got \ud800")) == "ValueError: got ?"

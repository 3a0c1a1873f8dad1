"""Objectives against cells: whole phases, windows, breaches that last."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from loadtest.recording.histogram import Histogram
from loadtest.run import Cell, Phase, PhaseName, Plan
from loadtest.slo import Objectives, Outcome, evaluate

PLAN = Plan(
    profile="x",
    model="open",
    arrivals="constant",
    phases=(
        Phase(name="warm-up", label="w", start_seconds=0, end_seconds=10, offered_rps=10),
        Phase(name="steady", label="s", start_seconds=10, end_seconds=40, offered_rps=10),
    ),
)


def cell(second: int, *milliseconds: float, endpoint: str = "GET /a", failed: int = 0) -> Cell:
    """The last `failed` of the requests failed; all others were answered in the same second."""
    phase: PhaseName = PLAN.phase_at(second).name
    times = [int(value * 1000) for value in milliseconds]
    return Cell(
        endpoint=endpoint,
        phase=phase,
        second=second,
        latency=Histogram.recorded(times),
        failures={"HTTP 500": failed} if failed else {},
        latency_of_failed=Histogram.recorded(times[len(times) - failed :]),
        answered=len(times) - failed,
    )


def outcomes(cells: Sequence[Cell], *, until: float = 40, since: float = 0, **objective: Any) -> tuple[Outcome, ...]:
    objectives = Objectives.model_validate({"objectives": [{"name": "o", **objective}]})
    return evaluate(objectives, PLAN, cells, until_seconds=until, since_seconds=since)


def only(cells: Sequence[Cell], **settings: Any) -> Outcome:
    (outcome,) = outcomes(cells, **settings)
    return outcome


def test_warm_up_counts_in_no_objective_that_does_not_ask_for_it() -> None:
    cells = [cell(5, 900), cell(15, 10)]
    assert only(cells, latency_ms={"p99": 100}).missed is False
    assert only(cells, latency_ms={"p99": 100}, phases=["warm-up"]).missed is True


def test_endpoints_are_chosen_by_pattern_and_merged() -> None:
    cells = [cell(15, 10), cell(15, 500, endpoint="GET /b/1"), cell(15, 700, endpoint="POST /b/2")]
    outcome = only(cells, latency_ms={"p50": 100}, endpoints=["* /b/*"])
    assert outcome.observed == pytest.approx(500, rel=1e-3)
    assert (outcome.requests, outcome.worst_endpoint) == (2, "POST /b/2")


def test_a_breach_below_two_digits_is_seen() -> None:
    assert only([cell(15, *[1049.0] * 20)], latency_ms={"p95": 1000}).missed


def test_failures_and_throughput_are_of_what_was_answered() -> None:
    cells = [cell(second, *[10.0] * 10, failed=1) for second in range(10, 40)]
    found = {o.metric: o for o in outcomes(cells, error_ratio=0.05, throughput_rps=9.5)}
    assert found["error ratio"].observed == pytest.approx(0.1)
    assert found["throughput"].observed == pytest.approx(9)
    assert all(outcome.missed for outcome in found.values())


@pytest.mark.parametrize(
    ("good", "failed", "apdex"),
    [
        ([100.0] * 6 + [300.0] * 2 + [2000.0], [100.0], (6 + 2 / 2) / 10),
        # However fast or slow: who failed is frustrated, and takes nothing from the others.
        ([50.0] * 5, [10_000.0] * 5, 0.5),
        ([50.0] * 5, [1.0] * 5, 0.5),
        ([300.0] * 4, [300.0] * 4, 0.25),
    ],
)
def test_apdex_counts_half_of_those_who_tolerate_and_no_failure(
    good: list[float], failed: list[float], apdex: float
) -> None:
    outcome = only([cell(15, *good, *failed, failed=len(failed))], apdex={"threshold_ms": 200, "at_least": 0.8})
    assert outcome.observed == pytest.approx(apdex)
    assert outcome.missed


def test_throughput_is_of_the_phase_alone_the_ramp_is_left_out() -> None:
    """Locust's own total divides all requests by all the time."""
    warm_up = [cell(second, *[10.0] * 2) for second in range(10)]
    cells = [cell(second, *[10.0] * 10) for second in range(10, 40)]
    assert only([*warm_up, *cells], throughput_rps=9.9).observed == pytest.approx(10)
    assert only([*warm_up, *cells], throughput_rps=1, phases=["warm-up", "steady"]).observed == pytest.approx(8)


def test_throughput_is_what_was_answered_in_time_and_not_what_was_due() -> None:
    """A target of 4/s to which 10/s are offered, and that goes on answering for a minute after the end."""
    slow = [replace(cell(second, *[9000.0] * 10), answered=4) for second in range(10, 40)]
    after = [replace(cell(second), answered=4) for second in range(40, 85)]
    outcome = only([*slow, *after], throughput_rps=9)
    assert outcome.observed == pytest.approx(4)
    assert outcome.missed
    assert only([*slow, *after], throughput_rps=9, window_seconds=10).observed == pytest.approx(4)


def test_a_breach_that_cannot_last_so_long_is_not_measured() -> None:
    cells = [cell(second, 900) for second in range(10, 40)]
    assert only(cells, latency_ms={"p95": 100}, window_seconds=10, for_seconds=30).missed
    for more in ({"window_seconds": 10, "for_seconds": 40}, {"window_seconds": 50}, {"phases": ["ramp"]}):
        found = outcomes(cells, latency_ms={"p95": 100}, throughput_rps=1, **({"window_seconds": 10} | more))
        assert [(outcome.observed, outcome.missed) for outcome in found] == [(None, False)] * 2


def test_a_window_in_which_nothing_was_due_ends_no_breach() -> None:
    cells = [cell(second, 900) for second in range(10, 40) if second not in range(20, 30)]
    outcome = only(cells, latency_ms={"p95": 100}, window_seconds=5, for_seconds=30)
    assert (outcome.missed, outcome.from_seconds, outcome.to_seconds) == (True, 10, 40)
    met = [cell(25, 10)]
    assert not only([*cells, *met], latency_ms={"p95": 100}, window_seconds=5, for_seconds=30).missed


def test_a_window_finds_what_the_whole_hides() -> None:
    cells = [cell(second, *([900.0] if second in range(20, 25) else [10.0] * 100)) for second in range(10, 40)]
    assert only(cells, latency_ms={"p95": 100}).missed is False
    outcome = only(cells, latency_ms={"p95": 100}, window_seconds=5)
    assert (outcome.missed, outcome.from_seconds, outcome.to_seconds) == (True, 20, 25)


@pytest.mark.parametrize(("slow", "missed"), [(range(20, 30), True), ([*range(20, 25), *range(30, 35)], False)])
def test_a_breach_counts_once_it_lasts(slow: Sequence[int], missed: bool) -> None:
    cells = [cell(second, 900 if second in slow else 10) for second in range(10, 40)]
    outcome = only(cells, latency_ms={"p95": 100}, window_seconds=5, for_seconds=10)
    assert outcome.missed is missed
    if missed:
        assert (outcome.from_seconds, outcome.to_seconds) == (20, 30)


def test_a_window_without_requests_says_nothing_about_latency_and_all_about_throughput() -> None:
    cells = [cell(second, 10) for second in range(10, 40) if second not in range(20, 25)]
    found = {o.metric: o for o in outcomes(cells, latency_ms={"p95": 100}, throughput_rps=0.5, window_seconds=5)}
    assert not found["p95"].missed
    assert (found["throughput"].missed, found["throughput"].from_seconds) == (True, 20)


def test_a_run_that_ended_early_is_judged_up_to_there() -> None:
    cells = [cell(second, *[10.0] * 10) for second in range(10, 20)]
    assert only(cells, throughput_rps=9.5, until=20).missed is False


def test_nothing_to_measure_is_said_and_is_not_zero() -> None:
    outcome = only([], latency_ms={"p95": 100})
    assert (outcome.observed, outcome.requests) == (None, 0)
    assert "nothing to measure" in outcome.sentence()


def test_a_live_look_back_leaves_out_what_lies_before() -> None:
    cells = [cell(second, 900 if second < 20 else 10) for second in range(10, 40)]
    assert only(cells, latency_ms={"p95": 100}, window_seconds=5).missed
    assert not only(cells, latency_ms={"p95": 100}, window_seconds=5, since=20).missed

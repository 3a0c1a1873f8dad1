"""What is said of a run that goes on: what workers have reported, and nothing that they have not."""

from typing import Any

import pytest

from loadtest.live.view import Live, View
from loadtest.recording.collector import Collector
from loadtest.recording.recorder import Recorder
from loadtest.run import Phase, Plan
from loadtest.slo.spec import Objectives
from loadtest.verdict import Result, Verdict

PLAN = Plan(
    profile="steady",
    model="open",
    arrivals="constant",
    phases=(Phase(name="steady", label="steady", start_seconds=0, end_seconds=200, offered_rps=10),),
)


class Running:
    """A run of which one worker reports what is given, at moments that are given."""

    def __init__(self, *objectives: dict[str, Any]) -> None:
        self.at = 0.0
        self.collector, self.recorder = Collector(), Recorder(PLAN, clock_zero=0.0)
        self.live = Live(
            PLAN,
            shares=[("A", 1.0)],
            objectives=Objectives.model_validate({"objectives": objectives}),
            collector=self.collector,
            now=lambda: self.at,
            replicas=lambda: None,
        )
        self.number = 0

    def answered(self, *, seconds: range, milliseconds: float, failed: Exception | None = None, rate: int = 10) -> None:
        for second in seconds:
            for _ in range(rate):
                took = milliseconds / 1000
                self.recorder.sample("GET /a", due=second, latency=took, service=took, failed=failed)
                self.recorder.started(second)

    def seen(self, at: float) -> View:
        report = self.recorder.drain() | {"number": self.number, "sent_at": 0.0, "cpu_percent": [50.0]}
        report |= {"in_flight": 3, "waiting": 2}
        self.number += 1
        self.live.add("w", report, self.collector.add("w", report, received_at=0.0))
        self.at, self.live._view = at, None
        return self.live.view()


def test_rates_and_percentiles_are_of_the_seconds_that_everybody_has_reported() -> None:
    run = Running()
    run.answered(seconds=range(10), milliseconds=500)
    run.answered(seconds=range(10, 20), milliseconds=20)
    view = run.seen(25.0)
    assert view.offered_rps == pytest.approx(10, abs=0.2)
    assert view.achieved_rps == 10
    (recent,) = view.recent
    assert recent.requests == 100
    assert recent.p95_ms == pytest.approx(20, rel=0.01)
    assert (view.in_flight, view.waiting, view.cpu_percent) == (3, 2, 50.0)


def test_an_arrival_is_dropped_once_nobody_can_start_it_any_more_and_not_before() -> None:
    run = Running()
    run.answered(seconds=range(10), milliseconds=1, rate=7)
    assert run.seen(20.0).dropped == 0
    assert run.seen(45.0).dropped == pytest.approx(30, abs=1)


def test_an_objective_without_samples_is_neither_met_nor_missed() -> None:
    run = Running({"name": "o", "endpoints": ["GET /other"], "latency_ms": {"p95": 100}})
    run.answered(seconds=range(5), milliseconds=500)
    (outcome,) = run.seen(10.0).objectives
    assert (outcome.observed, outcome.missed) == (None, False)


def test_a_breach_of_a_window_stays_missed_though_nobody_looked_while_it_lasted() -> None:
    run = Running({"name": "o", "latency_ms": {"p95": 100}, "window_seconds": 5, "for_seconds": 10})
    run.answered(seconds=range(20), milliseconds=10)
    (outcome,) = run.seen(25.0).objectives
    assert not outcome.missed
    run.answered(seconds=range(20, 40), milliseconds=300)
    run.answered(seconds=range(40, 150), milliseconds=10)
    (outcome,) = run.seen(155.0).objectives
    assert outcome.missed
    assert (outcome.from_seconds, outcome.to_seconds) == (20, 40)
    (outcome,) = run.seen(190.0).objectives
    assert outcome.missed


def test_what_the_end_brought_stays() -> None:
    run = Running()
    run.answered(seconds=range(5), milliseconds=10, rate=9)
    run.seen(5.0)
    run.live.end(Verdict(result=Result.passed, reasons=()), at_seconds=5.0)
    run.at = 500.0
    view = run.live.view()
    assert view.verdict is not None
    assert (view.at_seconds, view.in_flight) == (5.0, 0)
    assert view.dropped == pytest.approx(5, abs=1)

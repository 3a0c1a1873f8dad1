"""The verdict: each cause alone, and which of several wins."""

from dataclasses import replace
from typing import Any

import pytest

from loadtest.autoscaling.findings import Expectations, Hold
from loadtest.recording.histogram import Histogram
from loadtest.run import Arrivals, Cell, Phase, Plan, RecordedRun, Target, Worker
from loadtest.slo import Objectives
from loadtest.verdict import Reason, Result, Targets, judge

RUN = RecordedRun(
    plan=Plan(
        profile="steady",
        model="open",
        arrivals="constant",
        phases=(Phase(name="steady", label="steady", start_seconds=0, end_seconds=10, offered_rps=10, users=5),),
    ),
    target=Target(url="http://x"),
    started_at="2026-01-01T00:00:00+00:00",
    duration_seconds=10,
    ended="completed",
    cells=tuple(
        Cell(endpoint="GET /a", phase="steady", second=second, latency=Histogram.recorded([100_000] * 10), answered=10)
        for second in range(10)
    ),
    workers=(Worker(id="w", cpu_percent=(50.0,) * 10),),
    arrivals=Arrivals(planned=(10,) * 10, started=(10,) * 10, start_delay=Histogram.recorded([10] * 100)),
)


LATE = (0.0, 0.0, 0.9, 0.2, 0.9)


def objectives(**limits: Any) -> Targets:
    return Targets(objectives=Objectives.model_validate({"objectives": [{"name": "o", **limits}]}))


def test_a_run_that_meets_its_objectives_passes() -> None:
    verdict = judge(RUN, objectives(latency_ms={"p95": 101}, error_ratio=0))
    assert (verdict.result, verdict.exit_code, verdict.reasons) == (Result.passed, 0, ())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cells": ()}, "not a single request"),
        ({"ended": "interrupted", "duration_seconds": 4.0}, "interrupted after 4 s of 10 s"),
        ({"problems": ("disk full",)}, "disk full"),
        ({"workers": (Worker(id="w", lost_at_seconds=3),)}, "worker w was lost at 3 s"),
        ({"workers": (Worker(id="w", reports_missing=2),)}, "2 reports of worker w never arrived"),
        ({"workers": (Worker(id="w", clock_offset_seconds=-1.5),)}, "-1.5 s off"),
        ({"workers": (Worker(id="w", cpu_percent=(95.0,) * 5),)}, "it measures itself"),
        (
            {"workers": (Worker(id="v"), Worker(id="w", late_seconds=LATE))},
            "generator w itself was over 50 ms late for 20% ",
        ),
        (
            {"arrivals": Arrivals(planned=(10,) * 10, started=(9,) * 10, start_delay=Histogram.recorded([]))},
            "offered 90.0% of the plan",
        ),
    ],
)
def test_what_makes_a_run_invalid(change: dict[str, Any], said: str) -> None:
    verdict = judge(replace(RUN, **change), objectives(latency_ms={"p95": 101}))
    assert (verdict.result, verdict.exit_code) == (Result.invalid_run, 3)
    assert any(said in reason.text for reason in verdict.reasons)


@pytest.mark.parametrize(
    "change",
    [
        {"workers": (Worker(id="w", cpu_percent=(95.0, 95.0, 95.0, 95.0, 50.0) * 2),)},
        # A hiccup, and whatever comes after the end.
        {"workers": (Worker(id="w", late_seconds=(0, 0.99, *[0] * 8, 9.0)),)},
        {"arrivals": Arrivals(planned=(20,) * 10, started=(19,) * 10, start_delay=Histogram.recorded([]))},
    ],
)
def test_what_is_just_within_bounds_is_let_through(change: dict[str, Any]) -> None:
    assert judge(replace(RUN, **change), objectives(latency_ms={"p95": 101})).result is Result.passed


def test_a_long_run_may_be_late_for_one_part_in_a_hundred() -> None:
    (phase,) = RUN.plan.phases
    long = replace(RUN, plan=replace(RUN.plan, phases=(replace(phase, end_seconds=200),)), duration_seconds=200)
    for late, result in ((1.9, Result.passed), (2.1, Result.invalid_run)):
        run = replace(long, arrivals=None, workers=(Worker(id="w", late_seconds=(late,)),))
        assert judge(run, objectives(latency_ms={"p95": 101})).result is result


def test_where_the_generator_was_late_nobody_blames_the_target() -> None:
    few = Arrivals(planned=(20,) * 10, started=(10,) * 10, start_delay=Histogram.recorded([]))
    verdict = judge(
        replace(RUN, arrivals=few, workers=(Worker(id="w", late_seconds=LATE),)), objectives(latency_ms={"p95": 50})
    )
    assert verdict.result is Result.invalid_run
    assert verdict.sentence().startswith('the generator w itself was over 50 ms late for 20% of phase "steady"')
    assert "target stands still" not in " ".join(reason.text for reason in verdict.reasons)


def test_just_too_little_is_not_rounded_to_what_would_do() -> None:
    few = Arrivals(planned=(1000,) * 10, started=(949,) * 9 + (958,), start_delay=Histogram.recorded([]))
    verdict = judge(replace(RUN, arrivals=few), objectives(latency_ms={"p95": 101}))
    assert verdict.sentence().startswith("offered 94.9% of the plan")


def test_arrivals_that_were_dropped_are_no_requests_that_were_sent() -> None:
    second = Cell(
        endpoint="GET /a",
        phase="steady",
        second=3,
        latency=Histogram.recorded([7_000_000]),
        service_time_when_other=Histogram.recorded([]),
        failures={"dropped": 1},
    )
    assert "not a single request was sent" in judge(replace(RUN, cells=(second,)), objectives(error_ratio=1)).sentence()


@pytest.mark.parametrize(("failed", "said"), [(0, "nothing failed"), (10, "100 of 100 requests failed")])
def test_without_objectives_it_is_said_what_failed(failed: int, said: str) -> None:
    cells = tuple(replace(cell, failures={"HTTP 500": failed} if failed else {}) for cell in RUN.cells)
    assert judge(replace(RUN, cells=cells), Targets()).sentence() == f"no objectives were set, {said}"


def test_an_objective_that_nothing_was_measured_for_is_not_met() -> None:
    verdict = judge(RUN, objectives(endpoints=["GET /other"], latency_ms={"p95": 101}))
    assert verdict.result is Result.invalid_run
    assert "nothing was measured" in verdict.sentence()


@pytest.mark.parametrize(
    ("latency_ms", "sentence"),
    [({"p95": 101}, "the one limit was met"), ({"p50": 101, "p95": 101}, "all 2 limits were met")],
)
def test_a_run_that_passes_says_how_many_limits_it_met(latency_ms: dict[str, float], sentence: str) -> None:
    assert judge(RUN, objectives(latency_ms=latency_ms)).sentence() == sentence


def test_a_missed_objective_names_limit_value_time_and_endpoint() -> None:
    verdict = judge(RUN, objectives(latency_ms={"p95": 50}))
    assert (verdict.result, verdict.exit_code) == (Result.slo_missed, 1)
    assert verdict.sentence() == ("o: p95 100 ms, at most 50 ms (from 0 s to 10 s, 100 requests, worst at GET /a)")


def test_the_worst_result_wins_and_all_reasons_are_kept() -> None:
    verdict = judge(replace(RUN, problems=("broken",)), objectives(latency_ms={"p95": 50})).and_also(
        Reason(result=Result.load_did_not_warrant_scaling, rule="r", text="t"),
        Reason(result=Result.autoscaler_wrong, rule="r", text="t"),
    )
    assert [reason.result.value for reason in verdict.reasons] == [
        "invalid_run",
        "autoscaler_wrong",
        "slo_missed",
        "load_did_not_warrant_scaling",
    ]


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ("passed", 0),
        ("slo_missed", 1),
        ("usage", 2),
        ("invalid_run", 3),
        ("load_did_not_warrant_scaling", 3),
        ("autoscaler_wrong", 4),
    ],
)
def test_every_result_has_its_exit_code(result: str, code: int) -> None:
    assert Result(result).exit_code == code


def test_an_autoscaler_that_was_to_be_judged_and_was_not_recorded_makes_the_run_invalid() -> None:
    expected = Expectations(holds=(Hold(start_seconds=0, end_seconds=10, rate_rps=1, replicas=2),))
    verdict = judge(RUN, Targets(autoscaling=expected))
    assert verdict.result is Result.invalid_run

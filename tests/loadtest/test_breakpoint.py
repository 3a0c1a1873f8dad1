"""Searches for the highest rate, with real Locust processes against a target whose capacity is known."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from loadtest.breakpoint import following, measure_seconds, probes
from loadtest.recording.histogram import Histogram
from loadtest.report.build import document
from loadtest.run import Arrivals, Cell, Plan, RecordedRun, Target, Worker
from loadtest.shapes.profiles import searching
from loadtest.slo.spec import LatencyMs, Objective, Objectives
from loadtest.verdict import Result, Targets, judge
from tests.loadtest.conftest import Run, running_in, serving

FAST = Objectives(objectives=(Objective(name="fast", latency_ms=LatencyMs(p95=100)),))


def plan(required_rps: float | None = 40, seconds: float = 600) -> Plan:
    return searching(FAST, arrivals="poisson", required_rps=required_rps, seconds=seconds, cores=1, users=None, seed=1)


def ran(capacity_rps: float, plan: Plan, *, until: float = 1e9, started_share: float = 1.0) -> RecordedRun:
    """What a target of that capacity would leave behind: 10 ms up to it, 900 ms beyond."""
    cells: list[Cell] = []
    counts: list[int] = []
    while True:
        for phase in plan.phases:
            for second in range(len(counts), int(phase.end_seconds or 0)):
                rate = round(phase.offered_rps or 0)
                counts.append(rate)
                micros = 10_000 if (phase.offered_rps or 0) <= capacity_rps else 900_000
                if rate:
                    latency = Histogram.recorded([micros] * rate)
                    cells.append(Cell(endpoint="GET /", phase=phase.name, second=second, latency=latency))
        arrivals = Arrivals(
            planned=tuple(counts),
            started=tuple(int(count * started_share) for count in counts),
            start_delay=Histogram.of({}),
        )
        measured = tuple(probes(plan, cells, arrivals, FAST, until_seconds=len(counts)))
        more = following(plan, measured, FAST, unanswered=0) if len(counts) < until else ()
        if not more:
            break
        plan = replace(plan, phases=(*plan.phases, *more))
    return RecordedRun(
        plan=plan,
        target=Target(url="http://127.0.0.1"),
        started_at="2026-01-01T00:00:00+00:00",
        duration_seconds=len(counts),
        ended="completed",
        cells=tuple(cells),
        workers=(),
        arrivals=arrivals,
    )


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.xdist_group("breakpoint")
def test_the_capacity_of_a_target_is_found(tmp_path: Path) -> None:
    """By one process, and by two that share the work: at the same time, since each is idle for most of it."""
    slo = tmp_path / "slo.yaml"
    slo.write_text("version: 1\nobjectives: [{name: fast, latency_ms: {p95: 300}}]")
    arguments = ["--profile", "breakpoint", "--rate", "24", "--run-time", "150s", "--slo", str(slo)]
    arguments += ["--arrivals", "constant", "--only-summary"]
    with serving() as serve, ExitStack() as under_way:
        runs: list[Run] = []
        for name, processes in (("one", ()), ("two", ("--processes", "2"))):
            (tmp_path / name).mkdir()
            locust = under_way.enter_context(running_in(tmp_path / name))
            runs.append(locust(*arguments, *processes, host=serve("--capacity-rps", "60").url))
        for run in runs:
            output, _ = run.process.communicate(timeout=200)
            assert run.process.returncode == 0, output
    for run in runs:
        found = run.report["breakpoint"]["found"]
        # Sleeping takes a little longer than it is told, so the true capacity is a little lower.
        assert 45 < found["rate_rps"] < 66
        assert found["low_rps"] <= found["rate_rps"] <= found["high_rps"]
        assert "the objectives are met up to" in (run.directory / "summary.md").read_text()
        assert json.loads((run.directory / "report.json").read_text())["profile"] == "breakpoint"
        suite = Xml.parse(run.directory / "junit.xml").getroot()
        assert [case.get("name") for case in suite.iter("testcase") if case.get("classname") == "breakpoint"]


def test_the_rate_is_told_with_its_interval() -> None:
    verdict = judge(ran(100, plan()), Targets(objectives=FAST))
    assert verdict.result is Result.passed
    assert verdict.breakpoint is not None
    assert verdict.breakpoint.rate_rps == pytest.approx(100, rel=0.1)
    assert "confidence" in verdict.sentence()


def test_a_rate_below_what_is_required_is_a_limit_missed() -> None:
    verdict = judge(ran(100, plan(required_rps=200)), Targets(objectives=FAST))
    assert verdict.result is Result.slo_missed
    assert "breakpoint: rate" in verdict.sentence()


def test_a_target_that_meets_no_rate_misses() -> None:
    assert judge(ran(0.1, plan()), Targets(objectives=FAST)).result is Result.slo_missed


def test_a_search_without_time_for_its_end_proves_nothing() -> None:
    verdict = judge(ran(100, plan(required_rps=None), until=60), Targets(objectives=FAST))
    assert verdict.result is Result.invalid_run
    assert "--run-time" in verdict.sentence()


def test_a_probe_whose_arrivals_found_nobody_free_has_missed() -> None:
    verdict = judge(ran(100, plan(), started_share=0.5), Targets(objectives=FAST))
    assert verdict.result is Result.slo_missed
    assert not any(each.probe.met for each in verdict.probes)


def test_a_rate_at_which_the_generator_itself_was_late_is_no_limit_of_the_target() -> None:
    run = ran(100, plan(required_rps=None))
    late = [0.0] * int(run.duration_seconds)
    first_missed = next(each for each in judge(run, Targets(objectives=FAST)).probes if not each.probe.met)
    late[int(first_missed.phase.start_seconds) + 1] = 2.0
    worker = Worker(id="w", late_seconds=tuple(late))
    assert run.arrivals is not None
    measured = tuple(
        probes(run.plan, run.cells, run.arrivals, FAST, until_seconds=run.duration_seconds, workers=[worker])
    )
    until = [each for each in measured if each.phase.start_seconds <= first_missed.phase.start_seconds]
    assert following(run.plan, until, FAST, unanswered=0) == ()
    ended = (first_missed.phase.end_seconds or 0.0) + 1
    phases = tuple(phase for phase in run.plan.phases if phase.start_seconds < ended)
    verdict = judge(
        replace(run, plan=replace(run.plan, phases=phases), duration_seconds=ended, workers=(worker,)),
        Targets(objectives=FAST),
    )
    assert verdict.result is Result.invalid_run
    (reason,) = verdict.reasons
    assert reason.text.startswith("the generator w itself was over 50 ms late")
    assert verdict.breakpoint is not None
    assert verdict.breakpoint.high_rps is None
    counted = document(replace(run, workers=(worker,)), verdict).breakpoint
    assert counted is not None
    assert counted.probes[-1].missed[0] == "the generator itself was late: this probe counts for nothing"


def test_no_probe_begins_that_would_end_after_the_run() -> None:
    run = ran(100, plan(seconds=120))
    assert run.duration_seconds <= 120


def test_a_pause_goes_on_while_something_is_unanswered_and_not_for_ever() -> None:
    run = ran(100, plan(), until=1)
    assert run.arrivals is not None
    measured = tuple(probes(run.plan, run.cells, run.arrivals, FAST, until_seconds=run.duration_seconds))
    waiting, pauses = run.plan, 0
    more = following(waiting, measured, FAST, unanswered=3)
    while more[0].label == "recovery":
        waiting, pauses = replace(waiting, phases=(*waiting.phases, *more)), pauses + 1
        more = following(waiting, measured, FAST, unanswered=3)
    assert 1 <= pauses <= 6


def test_a_probe_is_as_long_as_its_percentile_needs() -> None:
    strict = Objectives(objectives=(Objective(name="fast", latency_ms=LatencyMs(p99=100)),))
    assert measure_seconds(100, strict, seconds=1800) == pytest.approx(20)
    assert measure_seconds(1000, strict, seconds=1800) == 10
    assert measure_seconds(1, strict, seconds=1800) == 60

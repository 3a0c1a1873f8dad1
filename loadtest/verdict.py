"""The verdict on a recorded run: pure, so that the same run gives the same verdict."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from loadtest.autoscaling.assertions import check, measured_elasticity
from loadtest.autoscaling.elasticity import Elasticity, Gates
from loadtest.autoscaling.findings import Expectations
from loadtest.breakpoint import Measured, probes, result
from loadtest.run import RecordedRun
from loadtest.shapes.search import Breakpoint, Search, next_rate
from loadtest.slo.evaluate import Outcome, evaluate
from loadtest.slo.spec import Objectives

LEAST_OFFERED_SHARE: Final = 0.95
"""Of the planned arrivals, what must have started in each phase."""
SATURATED_PERCENT: Final = 90.0
SATURATED_SECONDS: Final = 5
"""A process that needs more than this of its core for so long in a row measures itself."""
MOST_SKEW_SECONDS: Final = 1.0
"""Samples are kept by the second: workers that are further apart would tell of another second."""


class Result(Enum):
    """Ordered: where several are true, the first is the verdict."""

    usage = "usage"
    invalid_run = "invalid_run"
    autoscaler_wrong = "autoscaler_wrong"
    slo_missed = "slo_missed"
    load_did_not_warrant_scaling = "load_did_not_warrant_scaling"
    passed = "passed"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self]


EXIT_CODES: Final = {
    Result.passed: 0,
    Result.slo_missed: 1,
    Result.usage: 2,
    Result.invalid_run: 3,
    Result.load_did_not_warrant_scaling: 3,
    Result.autoscaler_wrong: 4,
}


@dataclass(frozen=True, kw_only=True)
class Reason:
    """What was seen, against which limit, and when (seconds from the start)."""

    result: Result
    rule: str
    text: str
    at_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Targets:
    objectives: Objectives = field(default_factory=Objectives)
    autoscaling: Expectations | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    result: Result
    reasons: tuple[Reason, ...]
    """The worst first; none of a run that passed."""
    outcomes: tuple[Outcome, ...] = ()
    """Every limit of every objective, met or missed; of a search, those of the highest rate that met them."""
    breakpoint: Breakpoint | None = None
    probes: tuple[Measured, ...] = ()
    """Of a search, in order."""
    elasticity: Elasticity | None = None
    """None where no autoscaler was watched, or it is not known what one replica carries."""
    gates: Gates = field(default_factory=Gates)

    @property
    def exit_code(self) -> int:
        return self.result.exit_code

    def and_also(self, *more: Reason) -> "Verdict":
        """With further reasons, the worst first."""
        reasons = tuple(sorted((*self.reasons, *more), key=lambda reason: list(Result).index(reason.result)))
        return replace(self, reasons=reasons, result=reasons[0].result if reasons else Result.passed)

    def sentence(self) -> str:
        if self.reasons:
            return self.reasons[0].text
        if self.breakpoint:
            return self.breakpoint.sentence()
        if not self.outcomes:
            return "no objectives were set, nothing failed"
        return "the one limit was met" if len(self.outcomes) == 1 else f"all {len(self.outcomes)} limits were met"


def judge(run: RecordedRun, targets: Targets) -> Verdict:
    """The verdict on a recorded run."""
    measured = _probes(run, targets.objectives)
    limit = result(run.plan, measured) if measured else None
    if run.plan.search is None:
        outcomes = evaluate(targets.objectives, run.plan, run.cells, until_seconds=run.duration_seconds)
    else:
        outcomes = _found(run, run.plan.search, limit, measured)
    verdict = Verdict(
        result=Result.passed,
        reasons=(),
        outcomes=outcomes,
        breakpoint=limit,
        probes=measured,
        elasticity=_elasticity(run, targets.autoscaling),
        gates=targets.autoscaling.gates if targets.autoscaling else Gates(),
    )
    return verdict.and_also(
        *_validity(run),
        *_objectives(outcomes, run),
        *_searched(run, limit, measured),
        *_autoscaling(run, targets),
    )


def _elasticity(run: RecordedRun, expected: Expectations | None) -> Elasticity | None:
    if run.autoscaling is None or expected is None or not expected.holds:
        return None
    return measured_elasticity(run.autoscaling, expected)


def _probes(run: RecordedRun, objectives: Objectives) -> tuple[Measured, ...]:
    if run.plan.search is None or run.arrivals is None:
        return ()
    return tuple(probes(run.plan, run.cells, run.arrivals, objectives, until_seconds=run.duration_seconds))


def _undecided(search: Search, limit: Breakpoint | None, measured: Sequence[Measured]) -> bool:
    """The search ended before its answer was known."""
    if limit is None:
        return next_rate([each.probe for each in measured], search) is not None
    if search.required_rps is None:
        return not limit.settled
    return not limit.settled and limit.low_rps < search.required_rps <= (limit.high_rps or math.inf)


def _found(
    run: RecordedRun, search: Search, limit: Breakpoint | None, measured: Sequence[Measured]
) -> tuple[Outcome, ...]:
    """The rate as a limit of its own, and those of the highest probe that met them."""
    if _undecided(search, limit, measured):
        return ()
    least, low = search.required_rps or search.least_rps, limit.low_rps if limit else 0.0
    rate = Outcome(
        objective="breakpoint",
        metric="rate",
        unit="/s",
        limit=least,
        observed=low,
        missed=low < least,
        requests=sum(cell.requests for cell in run.cells),
        from_seconds=0.0,
        to_seconds=run.duration_seconds,
    )
    best = max((each for each in measured if each.probe.met), key=lambda each: each.probe.rate_rps, default=None)
    return (rate, *(best.outcomes if best else ()))


def _searched(run: RecordedRun, limit: Breakpoint | None, measured: Sequence[Measured]) -> Iterator[Reason]:
    search = run.plan.search
    if search and run.ended == "completed" and _undecided(search, limit, measured):
        known = limit.sentence() if limit else "no rate has met the objectives yet"
        yield _invalid("breakpoint", f"the search ended after {run.duration_seconds:.0f} s: {known}; raise --run-time")


def _invalid(rule: str, text: str, at: float | None = None) -> Reason:
    return Reason(result=Result.invalid_run, rule=rule, text=text, at_seconds=at)


def _validity(run: RecordedRun) -> Iterator[Reason]:
    """What makes the numbers unusable, whatever they are."""
    for problem in run.problems:
        yield _invalid("recorder", problem)
    if run.ended == "interrupted":
        planned = "" if run.plan.end_seconds is None else f" of {run.plan.end_seconds:.0f} s"
        yield _invalid("ended", f"the run was interrupted after {run.duration_seconds:.0f} s{planned}")
    if run.ended != "refused" and not run.cells:
        yield _invalid("requests", "not a single request was sent")
    yield from _offered(run)
    for worker in run.workers:
        if worker.lost_at_seconds is not None:
            text = f"worker {worker.id} was lost at {worker.lost_at_seconds:.0f} s, with what it had not reported"
            yield _invalid("workers", text, worker.lost_at_seconds)
        if worker.reports_missing:
            yield _invalid("samples", f"{worker.reports_missing} reports of worker {worker.id} never arrived")
        if abs(worker.clock_offset_seconds) > MOST_SKEW_SECONDS:
            text = f"the clock of worker {worker.id} is {worker.clock_offset_seconds:+.1f} s off the master's"
            yield _invalid("clock", f"{text}; at most {MOST_SKEW_SECONDS:.0f} s is let through")
        saturated = _saturated_at(worker.cpu_percent)
        if saturated is not None:
            yield _invalid(
                "generator",
                f"the generator {worker.id} used over {SATURATED_PERCENT:.0f} % of its core for {SATURATED_SECONDS} s: "
                "it measures itself; add workers (--processes) or lower the rate",
                float(saturated),
            )


def _saturated_at(cpu_percent: tuple[float, ...]) -> int | None:
    lasting = 0
    for second, percent in enumerate(cpu_percent):
        lasting = lasting + 1 if percent > SATURATED_PERCENT else 0
        if lasting == SATURATED_SECONDS:
            return second - SATURATED_SECONDS + 1
    return None


def _offered(run: RecordedRun) -> Iterator[Reason]:
    if run.arrivals is None or run.plan.search:
        # A probe whose users were all busy is one that missed.
        return
    for phase in run.plan.phases:
        # Whole seconds that have passed: of a second that is cut off nobody knows what it would have held.
        end = int(min(phase.end_seconds or run.duration_seconds, run.duration_seconds))
        seconds = slice(int(phase.start_seconds), end)
        planned, started = sum(run.arrivals.planned[seconds]), sum(run.arrivals.started[seconds])
        if planned and started < LEAST_OFFERED_SHARE * planned:
            yield _invalid(
                "offered",
                f'offered {started / planned:.0%} of the plan in phase "{phase.label}" ({started:,} of {planned:,} '
                f"arrivals): its {phase.users or 0:,} users were all busy; raise --users, or the target stands still",
                phase.start_seconds,
            )


def _objectives(outcomes: tuple[Outcome, ...], run: RecordedRun) -> Iterator[Reason]:
    for outcome in outcomes:
        if outcome.missed:
            yield Reason(result=Result.slo_missed, rule="slo", text=outcome.sentence(), at_seconds=outcome.from_seconds)
        elif outcome.observed is None and run.ended == "completed":
            # An objective that nothing was measured for is not met; elsewhere this passes silently.
            yield _invalid("slo", f"{outcome.objective}: nothing was measured for its {outcome.metric}")


def _autoscaling(run: RecordedRun, targets: Targets) -> Iterator[Reason]:
    if targets.autoscaling is None:
        return
    if run.autoscaling is None:
        yield _invalid("samples", "the autoscaler was to be judged, but nothing was recorded of it")
        return
    for finding in check(run.autoscaling, targets.autoscaling):
        yield Reason(result=Result(finding.kind), rule=finding.rule, text=finding.text, at_seconds=finding.at_seconds)

"""The verdict on a recorded run: pure, so that the same run gives the same verdict."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from loadtest.autoscaling.assertions import check, measured_elasticity
from loadtest.autoscaling.elasticity import Elasticity, Gates
from loadtest.autoscaling.findings import Expectations
from loadtest.breakpoint import Measured, probes, result, sound
from loadtest.generator import SATURATED_PERCENT, SATURATED_SECONDS, judged, late_share, saturated_at
from loadtest.run import LATE_SECONDS, Phase, RecordedRun
from loadtest.shapes.search import Breakpoint, Search, next_rate
from loadtest.slo.evaluate import Outcome, evaluate
from loadtest.slo.spec import Objectives

LEAST_OFFERED_SHARE: Final = 0.95
"""Of the planned arrivals, what must have started in each phase."""
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
    requests: int = 0
    failed: int = 0

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
            failed = f"{self.failed:,} of {self.requests:,} requests failed" if self.failed else "nothing failed"
            return f"no objectives were set, {failed}"
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
        requests=sum(cell.requests for cell in run.cells),
        failed=sum(cell.failed for cell in run.cells),
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
    return tuple(
        probes(
            run.plan,
            run.cells,
            run.arrivals,
            objectives,
            until_seconds=run.duration_seconds,
            workers=run.workers,
        )
    )


def _undecided(search: Search, limit: Breakpoint | None, measured: Sequence[Measured]) -> bool:
    """The search ended before its answer was known."""
    if limit is None:
        return next_rate(sound(measured), search) is not None
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
    best = max(
        (each for each in measured if each.probe.met and not each.generator_late),
        key=lambda each: each.probe.rate_rps,
        default=None,
    )
    return (rate, *(best.outcomes if best else ()))


def _searched(run: RecordedRun, limit: Breakpoint | None, measured: Sequence[Measured]) -> Iterator[Reason]:
    search = run.plan.search
    if any(each.generator_late for each in measured):
        # That is the reason why it ended, and is said.
        return
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
    if run.ended != "refused" and not run.sent:
        yield _invalid("requests", "not a single request was sent")
    late = _late(run)
    yield from late.values()
    yield from _offered(run, late)
    for worker in run.workers:
        if worker.lost_at_seconds is not None:
            text = f"worker {worker.id} was lost at {worker.lost_at_seconds:.0f} s, with what it had not reported"
            yield _invalid("workers", text, worker.lost_at_seconds)
        if worker.reports_missing:
            yield _invalid("samples", f"{worker.reports_missing} reports of worker {worker.id} never arrived")
        if abs(worker.clock_offset_seconds) > MOST_SKEW_SECONDS:
            text = f"the clock of worker {worker.id} is {worker.clock_offset_seconds:+.1f} s off the master's"
            yield _invalid("clock", f"{text}; at most {MOST_SKEW_SECONDS:.0f} s is let through")
        saturated = saturated_at(worker)
        if saturated is not None:
            yield _invalid(
                "generator",
                f"the generator {worker.id} used over {SATURATED_PERCENT:.0f} % of its core for {SATURATED_SECONDS} s: "
                "it measures itself; add workers (--processes) or lower the rate",
                float(saturated),
            )


def _late(run: RecordedRun) -> dict[Phase, Reason]:
    """Where a generator was late itself: of each phase, with the one that was most."""
    found = {}
    for phase in judged(run.plan):
        shares = {worker.id: late_share(worker, phase, until_seconds=run.duration_seconds) for worker in run.workers}
        worst = max(shares, key=shares.__getitem__, default="")
        if worst and shares[worst]:
            text = (
                f"the generator {worst} itself was over {LATE_SECONDS * 1000:.0f} ms late for {shares[worst]:.0%} of "
                f'phase "{phase.label}": latencies hold its own delay, whatever the target does; give it a core of its '
                "own, add workers (--processes, or on other machines) or lower the rate"
            )
            found[phase] = _invalid("generator", text, phase.start_seconds)
    return found


def _offered(run: RecordedRun, late: Collection[Phase]) -> Iterator[Reason]:
    if run.arrivals is None or run.plan.search:
        # A probe whose users were all busy is one that missed.
        return
    for phase in run.plan.phases:
        # Whole seconds that have passed: of a second that is cut off nobody knows what it would have held.
        end = int(min(phase.end_seconds or run.duration_seconds, run.duration_seconds))
        seconds = slice(int(phase.start_seconds), end)
        planned, started = sum(run.arrivals.planned[seconds]), sum(run.arrivals.started[seconds])
        if planned and started < LEAST_OFFERED_SHARE * planned:
            # Rounded down: 94.96 % is not the 95 % that would do.
            share = math.floor(1000 * started / planned) / 10
            busy = f"its {phase.users or 0:,} users were all busy; raise --users, or the target stands still"
            yield _invalid(
                "offered",
                f'offered {share:.1f}% of the plan in phase "{phase.label}" ({started:,} of {planned:,} arrivals): '
                f"{'the generator itself was late' if phase in late else busy}",
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

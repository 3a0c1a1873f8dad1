"""A run that searches its breakpoint: its probes, read from what was recorded, and the phases of the next one.

A probe settles at its rate, measures, and pauses until all it sent is answered: what one probe left behind must not
fail the next, and a request that hangs must not be missing where its probe is judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.generator import late_share
from loadtest.run import Arrivals, Cell, Phase, PhaseName, Plan, Worker
from loadtest.shapes.search import Breakpoint, Probe, found, next_rate
from loadtest.slo.evaluate import Outcome, evaluate
from loadtest.slo.spec import Objective, Objectives

LEAST_STARTED_SHARE: Final = 0.95
"""Of a probe's arrivals; with fewer its users were all busy, so its rate was not met whatever the rest shows."""
REQUESTS_BEYOND: Final = 20
"""So many requests are to lie beyond the highest percentile that is judged."""
SETTLE_SECONDS: Final = 5.0
MEASURE_SECONDS: Final = (10.0, 60.0)
"""At least, and at most where no percentile or window asks for more."""
PAUSE_SECONDS: Final = 8.0
"""Every worker has reported what came to its end by then."""
RECOVERY_SECONDS: Final = 40.0
"""A target that has not answered all after so long is loaded again all the same; what hung has missed."""
LEAD_SECONDS: Final = 2.0
"""So long before the plan's end it is continued: the shape is asked once a second."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One probe with what it came to."""

    phase: Phase
    probe: Probe
    outcomes: tuple[Outcome, ...]
    generator_late: bool = False
    """Then it tells nothing about the target, and counts for nothing."""


def steady(objectives: Objectives) -> Objectives:
    """What a probe must meet. A throughput that is asked for is what the search itself finds."""
    return Objectives(
        objectives=tuple(
            each.model_copy(update={"phases": ("steady",), "throughput_rps": None})
            for each in objectives.objectives
            if "steady" in each.phases and _limits_other_than_throughput(each)
        )
    )


def _limits_other_than_throughput(objective: Objective) -> bool:
    return bool(objective.latency_ms.limits() or objective.apdex or objective.error_ratio is not None)


def probes(
    plan: Plan,
    cells: Sequence[Cell],
    arrivals: Arrivals,
    objectives: Objectives,
    *,
    until_seconds: float,
    workers: Sequence[Worker] = (),
) -> Iterator[Measured]:
    """Those that were measured to their end, in order."""
    wanted = steady(objectives)
    for phase in plan.phases:
        if phase.name != "steady" or phase.end_seconds is None or phase.end_seconds > until_seconds:
            continue
        assert phase.offered_rps is not None
        start, end = int(phase.start_seconds), int(phase.end_seconds)
        inside = [cell for cell in cells if start <= cell.second < end]
        alone = Plan(profile=plan.profile, model=plan.model, phases=(phase,))
        outcomes = evaluate(wanted, alone, inside, until_seconds=phase.end_seconds)
        started, planned = sum(arrivals.started[start:end]), sum(arrivals.planned[start:end])
        met = started >= LEAST_STARTED_SHARE * planned and all(
            outcome.observed is not None and not outcome.missed for outcome in outcomes
        )
        yield Measured(
            phase=phase,
            probe=Probe(rate_rps=phase.offered_rps, met=met),
            outcomes=outcomes,
            generator_late=any(late_share(worker, phase, until_seconds=until_seconds) for worker in workers),
        )


def sound(measured: Sequence[Measured]) -> list[Probe]:
    """Those that tell about the target."""
    return [each.probe for each in measured if not each.generator_late]


def result(plan: Plan, measured: Sequence[Measured]) -> Breakpoint | None:
    assert plan.search is not None
    return found(sound(measured), plan.search)


def following(
    plan: Plan, measured: Sequence[Measured], objectives: Objectives, *, unanswered: int
) -> tuple[Phase, ...]:
    """The phases to go on with; none where the search is at its end, its time is, or what makes the load is."""
    assert plan.search is not None
    if any(each.generator_late for each in measured):
        return ()
    last = plan.phases[-1]
    assert last.end_seconds is not None
    measured_until = measured[-1].phase.end_seconds or 0.0
    if unanswered and last.end_seconds < measured_until + RECOVERY_SECONDS:
        return (_phase("cool-down", "recovery", last.end_seconds, PAUSE_SECONDS, 0.0, last.users or 0),)
    rate = next_rate([each.probe for each in measured], plan.search)
    if rate is None:
        return ()
    phases = probe_phases(len(measured) + 1, rate, plan, objectives, start=last.end_seconds, users=last.users or 0)
    return phases if (phases[-1].end_seconds or 0.0) <= plan.search.seconds else ()


def probe_phases(
    number: int, rate_rps: float, plan: Plan, objectives: Objectives, *, start: float, users: int
) -> tuple[Phase, ...]:
    """Users are never fewer than before: to stop some would take as long as their requests."""
    # Phases begin on whole seconds: samples are kept by the second.
    assert plan.search is not None
    settle = float(round(min(SETTLE_SECONDS, max(plan.search.seconds / 60, 1))))
    measure = float(round(measure_seconds(rate_rps, objectives, seconds=plan.search.seconds)))
    pool = max(users, plan.search.users(rate_rps))
    return (
        _phase("ramp", f"probe {number}: settling", start, settle, rate_rps, pool),
        _phase("steady", f"probe {number}", start + settle, measure, rate_rps, pool),
        _phase("cool-down", f"after probe {number}", start + settle + measure, PAUSE_SECONDS, 0.0, pool),
    )


def measure_seconds(rate_rps: float, objectives: Objectives, *, seconds: float) -> float:
    """Long enough for the percentiles and windows of the objectives, as far as the whole search has time."""
    wanted = steady(objectives).objectives
    shares = [float(name[1:]) / 100 for each in wanted for name in each.latency_ms.limits()]
    needed = REQUESTS_BEYOND / (1 - max(shares, default=0.95)) / rate_rps
    windows = max(((each.window_seconds or 0) + each.for_seconds for each in wanted), default=0)
    least, most = MEASURE_SECONDS
    return max(min(max(needed, least), most, seconds / 30), float(windows), 3.0)


def _phase(name: PhaseName, label: str, start: float, seconds: float, rate_rps: float, users: int) -> Phase:
    return Phase(
        name=name,
        label=label,
        start_seconds=start,
        end_seconds=start + seconds,
        offered_rps=rate_rps,
        users=users,
    )

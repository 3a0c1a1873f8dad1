"""Load in steps that an autoscaler must follow, worked out from its spec and from what a request costs.

A step that aims at n replicas asks for about n - 0.5 of them, so that rounding up gives n and noise does not make it
flap.
Every step is tried in the replay first, and moved where it must be: tolerance can swallow a step, pods that are not
there yet do not idle yet, and idle pods can keep an autoscaler from ever coming back to its minimum.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from loadtest.autoscaling.replay import course
from loadtest.autoscaling.spec import Controller, HpaSpec, Metric

CALM_PERCENT: Final = 3
"""How far below the resting limit idle use must be, in percent of the request: noise of an idle process."""
GRAINS: Final = 20
"""Into how many parts a replica is divided to look for a rate."""
MAXIMUM_GRAINS: Final = 4 * GRAINS
"""How far above it the demand of a step to the maximum may be."""
ROOM_GRAINS: Final = 5
"""How far off the demand may be, either way, and the step still settle where it aims: the noise of a real load."""


class Infeasible(Exception):
    """Steps that this autoscaler cannot follow, with every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What one pod uses, measured against this target before the test; thousandths."""

    resource: str
    request_milli: int
    idle_milli: float
    milli_per_rps: float
    """Usage that one request a second adds."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """As a file may give it, too."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    replicas: Annotated[int, Field(ge=0)]
    rate_rps: Annotated[float, Field(ge=0)]
    hold_seconds: Annotated[float, Field(gt=0)]


def resting_limit_percent(metric: Metric, spec: HpaSpec, controller: Controller) -> float:
    """The idle use, in percent of the request, above which the minimum is never reached again.

    From m + 1 replicas the controller goes to m only where use / target * (m + 1) rounds up to m, and only where that
    lies outside its tolerance.
    """
    assert metric.target_percent is not None
    down, _ = spec.tolerances(controller)
    lowest = spec.min_replicas
    return metric.target_percent * min(lowest / (lowest + 1), 1 - down)


def descent(
    spec: HpaSpec, idle_percent: Mapping[str, float], *, replicas: int, controller: Controller
) -> list[tuple[float, int]]:
    """How the replicas come down when every pod idles at that share of its requests, by resource.

    High idle use makes this slow, not only short: each recommendation is a little below the last, and stays in the
    window for as long.
    """

    def recommended(pods: int) -> int:
        return max(
            _recommended(metric, idle_percent[metric.resource], pods, spec, controller) for metric in spec.metrics
        )

    return list(course(spec, replicas=replicas, recommend_at=recommended, controller=controller))


def resting_count(spec: HpaSpec, idle_percent: Mapping[str, float], *, controller: Controller) -> int:
    """Where the replicas come to rest after the load is gone, coming from the maximum."""
    changes = descent(spec, idle_percent, replicas=spec.max_replicas, controller=controller)
    return changes[-1][1] if changes else spec.max_replicas


def rate_for(
    replicas: int, spec: HpaSpec, calibration: Calibration, *, running: int, controller: Controller
) -> float | None:
    """Requests a second that bring `running` replicas to `replicas`; None where no rate does with room for noise.

    A sync may see a part of a load that has just begun, and scale to some of the replicas; from there the rest can be
    within the tolerance. So that rate is best which leads there from every count on the way; to reach the maximum it
    may ask for more.
    """
    metric = scaling_metric(spec, calibration)
    assert metric.target_percent is not None
    one = calibration.request_milli * metric.target_percent / 100

    def rate(grain: int) -> float:
        asked = replicas - 0.5 + grain / GRAINS
        return (asked * one - replicas * calibration.idle_milli) / calibration.milli_per_rps

    def leads(grain: int, start: int) -> bool:
        found = settled(spec, calibration, rate_rps=rate(grain), replicas=start, controller=controller)
        return found[0] == replicas

    beyond = MAXIMUM_GRAINS if replicas == spec.max_replicas else GRAINS
    around = range(-GRAINS, beyond + 1)
    for starts in (range(replicas - 1, running - 1, -1), (running,)):
        fits = {grain for grain in around if all(leads(grain, start) for start in starts)}
        for grain in sorted(around, key=abs):
            if fits.issuperset(range(grain - ROOM_GRAINS, grain + ROOM_GRAINS + 1)):
                return rate(grain)
    return None


def settled(
    spec: HpaSpec, calibration: Calibration, *, rate_rps: float, replicas: int, controller: Controller
) -> tuple[int, float]:
    """Where the replicas come to, from `replicas`, under a constant rate; and how long after the first sync."""
    metric = scaling_metric(spec, calibration)

    def recommended(pods: int) -> int:
        used = pods * calibration.idle_milli + rate_rps * calibration.milli_per_rps
        return _recommended(metric, 100 * used / (pods * calibration.request_milli), pods, spec, controller)

    changes = list(course(spec, replicas=replicas, recommend_at=recommended, controller=controller))
    return (changes[-1][1], changes[-1][0]) if changes else (replicas, 0.0)


def plan(
    spec: HpaSpec,
    calibration: Calibration,
    *,
    idle_percent: Mapping[str, float],
    controller: Controller,
    hold_seconds: float,
    counts: Sequence[int] | None = None,
) -> tuple[Step, ...]:
    """Steps up over `counts` (default: about doubling, to the maximum), then no load until it rests again.

    Each is held for as long as the replay takes to get there and `hold_seconds` more; on the way back each change may
    take a sync longer, since a period ends just after one. Raises Infeasible.
    """
    problems = [*restless(spec, idle_percent, controller)]
    counts = tuple(counts) if counts is not None else default_counts(spec)
    problems += [
        f"a step to {count} replicas is outside minReplicas {spec.min_replicas} to maxReplicas {spec.max_replicas}"
        for count in counts
        if not spec.min_replicas < count <= spec.max_replicas
    ]
    if problems:
        raise Infeasible(problems)
    steps, replicas = [], spec.min_replicas
    for count in counts:
        rate = rate_for(count, spec, calibration, running=replicas, controller=controller)
        if rate is None:
            problems.append(f"no rate takes it from {replicas} to {count} replicas with room for noise; aim further")
        else:
            _, seconds = settled(spec, calibration, rate_rps=rate, replicas=replicas, controller=controller)
            steps.append(Step(replicas=count, rate_rps=rate, hold_seconds=seconds + hold_seconds))
        replicas = count
    if problems:
        raise Infeasible(problems)
    down = descent(spec, idle_percent, replicas=replicas, controller=controller)
    back = down[-1][0] + len(down) * controller.sync_seconds
    return (*steps, Step(replicas=spec.min_replicas, rate_rps=0, hold_seconds=back + hold_seconds))


def default_counts(spec: HpaSpec) -> tuple[int, ...]:
    """From the minimum about doubling, ending at the maximum."""
    counts = [spec.max_replicas]
    while (half := math.ceil(counts[0] / 2)) > spec.min_replicas and half < counts[0]:
        counts.insert(0, half)
    return tuple(counts)


def scaling_metric(spec: HpaSpec, calibration: Calibration) -> Metric:
    """The metric that the calibration is about."""
    for metric in spec.metrics:
        if metric.resource == calibration.resource and metric.target_percent is not None:
            return metric
    raise Infeasible([f"HPA {spec.name} has no utilization target for {calibration.resource}"])


def _recommended(metric: Metric, percent: float, replicas: int, spec: HpaSpec, controller: Controller) -> int:
    """What a metric asks for when every pod is ready and uses `percent` of its request."""
    assert metric.target_percent is not None
    down, up = spec.tolerances(controller)
    ratio = math.floor(percent) / metric.target_percent
    return replicas if 1 - down <= ratio <= 1 + up else math.ceil(ratio * replicas)


def restless(spec: HpaSpec, idle_percent: Mapping[str, float], controller: Controller) -> list[str]:
    """Why it would not come back to its minimum, one reason a metric."""
    reasons = []
    for metric in spec.metrics:
        if metric.target_percent is None:
            reasons.append(f"{metric.name} has a target by value; steps are worked out for utilization targets only")
            continue
        idle = idle_percent.get(metric.resource)
        most = resting_limit_percent(metric, spec, controller)
        if idle is None:
            reasons.append(f"idle {metric.name} was not measured, so nobody knows where this autoscaler rests")
        elif idle > most - CALM_PERCENT:
            rests_at = resting_count(
                spec, {other.resource: 0.0 for other in spec.metrics} | {metric.resource: idle}, controller=controller
            )
            reasons.append(
                f"idle {metric.name} is {idle:.0f} % of its request and must be under {most - CALM_PERCENT:.0f} % for "
                f"{spec.min_replicas} replicas to be enough again: it would rest at {rests_at}; raise the request of "
                f"{metric.resource}, or its target above {metric.target_percent} %"
            )
    return reasons

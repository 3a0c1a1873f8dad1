"""The steps of a run that begins with a calibration, once that is known. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from loadtest.autoscaling.calibrate import (
    Calibrated,
    Stretch,
    idle_percent,
    measured,
    request_milli,
    spec_of,
    steered_by,
    too_rough,
)
from loadtest.autoscaling.findings import Budgets
from loadtest.autoscaling.record import AutoscalingRecord
from loadtest.autoscaling.session import Watched
from loadtest.autoscaling.steps import Infeasible, Step, plan
from loadtest.run import Phase

REST_SECONDS: Final = 60.0
"""In which a step is only held, after the last moment at which its replicas are due."""
SHARES_DIFFER: Final = 0.01


def steps_from(
    record: AutoscalingRecord,
    *,
    watched: Watched,
    opening: Sequence[Phase],
    started: Sequence[int],
    journeys: Mapping[str, float],
    known: Calibrated | None,
    until: float,
) -> tuple[Calibrated, tuple[Step, ...]]:
    """The calibration that was used, `known` or measured in `opening`, and the steps. `started`: arrivals of each
    second; all is read up to `until`. Raises Infeasible with every reason.
    """
    spec = spec_of(record)
    idle_milli: float | None
    budgets = Budgets().divided(watched.time_scale)
    if known is None:
        idle, loaded = (
            Stretch(start=phase.start_seconds + budgets.load, end=min(phase.end_seconds or until, until))
            for phase in opening
        )
        known = measured(record, started, idle=idle, loaded=loaded, journeys=journeys)
        idle_until, idle_milli = idle.end, known.idle_milli
    else:
        idle_until, idle_milli = math.inf, None
    counts = watched.climb_to(spec)
    idle_now = idle_percent(record, spec, until=idle_until)
    problems = [*_of_another(known, watched, journeys), *too_rough(known, counts)]
    metric = steered_by(spec)
    if not record.samples or metric.resource not in idle_now:
        raise Infeasible([*problems, f"nobody knows what idle pods use of {metric.name}: look at metrics-server"])
    sample = record.samples[-1]
    if sample.replicas != spec.min_replicas:
        problems.append(
            f"{sample.replicas} replicas run, and the steps begin at minReplicas, {spec.min_replicas}: wait until they "
            "have come to rest"
        )
    request = request_milli(sample, metric)
    if idle_milli is None:
        idle_milli = idle_now[metric.resource] / 100 * request
    hold = watched.hold_seconds or budgets.reaction(watched.controller) + REST_SECONDS / watched.time_scale
    try:
        steps = plan(
            spec,
            known.of_pods(request, idle_milli),
            idle_percent=idle_now,
            controller=watched.controller,
            hold_seconds=hold,
            counts=counts,
        )
    except Infeasible as infeasible:
        raise Infeasible([*problems, *infeasible.reasons]) from infeasible
    if problems:
        raise Infeasible(problems)
    # Phases begin on whole seconds: samples are kept by the second.
    return known, tuple(replace(step, hold_seconds=float(math.ceil(step.hold_seconds))) for step in steps)


def _of_another(known: Calibrated, watched: Watched, journeys: Mapping[str, float]) -> list[str]:
    problems = []
    if (known.namespace, known.hpa) != (watched.namespace, watched.hpa):
        problems.append(
            f"the calibration is of HPA {known.namespace}/{known.hpa}, and {watched.namespace}/{watched.hpa} is "
            "watched: calibrate anew"
        )
    shares = {name: known.journeys.get(name, 0.0) - journeys.get(name, 0.0) for name in {*known.journeys, *journeys}}
    differ = sorted(name for name, share in shares.items() if abs(share) > SHARES_DIFFER)
    if differ:
        problems.append(
            f"the calibration is of other journeys ({', '.join(differ)}), which cost another amount: calibrate anew"
        )
    return problems

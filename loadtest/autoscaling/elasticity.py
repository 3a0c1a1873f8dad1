"""How closely the replicas followed the demand: the elasticity metrics of the SPEC Research Group.

Demand is the fewest replicas that meet the service levels at that moment, from a calibrated rate a pod; it is not what
the autoscaler wanted. Supply is the ready replicas.

Source: Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics", 2016.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Annotated

from pydantic import ConfigDict, Field

Percent = Annotated[float, Field(ge=0)] | None
Series = Sequence[tuple[float, float]]
"""(second, value), ascending; a value holds until the next one."""


@dataclass(frozen=True, kw_only=True)
class Elasticity:
    under_provisioning_percent: float
    """theta_U: the share of the demand that was missing, over the whole time."""
    over_provisioning_percent: float
    """theta_O: the share above the demand."""
    under_provisioned_time_percent: float
    """tau_U: how long there was too little."""
    over_provisioned_time_percent: float
    """tau_O: how long there was too much."""
    instability_percent: float
    """upsilon: how long supply moved another way than demand."""


@dataclass(frozen=True, kw_only=True)
class Gates:
    """The most of each that is let through; None: reported, not judged."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    under_provisioning_percent: Percent = None
    over_provisioning_percent: Percent = None
    under_provisioned_time_percent: Percent = None
    over_provisioned_time_percent: Percent = None
    instability_percent: Percent = None

    def exceeded(self, measured: Elasticity) -> tuple[tuple[str, float, float], ...]:
        """(name, measured, limit) of each that is above its gate."""
        limits = {field.name: getattr(self, field.name) for field in fields(self)}
        return tuple(
            (name, getattr(measured, name), limit)
            for name, limit in limits.items()
            if limit is not None and getattr(measured, name) > limit
        )


def demand(rate_rps: Series, *, rps_per_replica: float, least: int) -> list[tuple[float, float]]:
    """The fewest replicas that carry each rate, and `least` at all times. A maximum lowers no demand."""
    return [(at, max(math.ceil(rate / rps_per_replica), least)) for at, rate in rate_rps]


def measure(*, demand: Series, supply: Series, start: float, end: float, step_seconds: float) -> Elasticity:
    """Both series read every `step_seconds` from `start` to `end`.

    A step as long as the samples are apart: instability counts changes by the step in which they fall.
    """
    count = round((end - start) / step_seconds)
    if count < 2 or not demand or not supply:
        raise ValueError("elasticity needs demand, supply and at least two steps of time")
    moments = [start + index * step_seconds for index in range(count)]
    wanted, had = _read(demand, moments), _read(supply, moments)
    if min(wanted) <= 0:
        raise ValueError("demand must be at least one replica at all times")
    pairs = list(zip(wanted, had, strict=True))

    def share(of: Callable[[float, float], float]) -> float:
        return 100 * sum(of(d, s) for d, s in pairs) / count

    turns = [min(abs(_sign(s - s0) - _sign(d - d0)), 1) for (d0, s0), (d, s) in pairwise(pairs)]
    return Elasticity(
        under_provisioning_percent=share(lambda d, s: max(d - s, 0) / d),
        over_provisioning_percent=share(lambda d, s: max(s - d, 0) / d),
        under_provisioned_time_percent=share(lambda d, s: d > s),
        over_provisioned_time_percent=share(lambda d, s: s > d),
        instability_percent=100 * sum(turns) / len(turns),
    )


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _read(series: Series, moments: Sequence[float]) -> list[float]:
    """The value of a step function at ascending moments; before its first point, that one's."""
    values, index = [], 0
    for moment in moments:
        while index + 1 < len(series) and series[index + 1][0] <= moment:
            index += 1
        values.append(series[index][1])
    return values

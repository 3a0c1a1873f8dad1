"""The named profiles as plans: each a table of phases by their share of the time and of the highest rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from loadtest.autoscaling.steps import Step
from loadtest.breakpoint import probe_phases
from loadtest.preflight import RPS_PER_CORE
from loadtest.run import Phase, PhaseName, Plan
from loadtest.shapes.search import Search, pool
from loadtest.slo.spec import Objectives

Arrival = Literal["constant", "poisson", "closed"]


class Stretch(NamedTuple):
    name: PhaseName
    label: str
    time_share: float
    load_share: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """`rate_rps` and `seconds` are what it has when nobody says otherwise."""

    about: str
    seconds: float
    rate_rps: float
    stretches: tuple[Stretch, ...]


RAMP_STEPS: Final = 8

PROFILES: Final = {
    "smoke": Profile(
        about="a minute of little load: does everything answer as it should",
        seconds=60,
        rate_rps=5,
        stretches=(Stretch("warm-up", "warm-up", 0.2, 0.6), Stretch("steady", "steady", 0.8, 1)),
    ),
    "ramp": Profile(
        about="up in eight steps, then held",
        seconds=600,
        rate_rps=50,
        stretches=(
            Stretch("warm-up", "warm-up", 0.1, 0.1),
            *(
                Stretch("ramp", f"step {step} of {RAMP_STEPS}", 0.05, step / RAMP_STEPS)
                for step in range(1, RAMP_STEPS + 1)
            ),
            Stretch("steady", "steady", 0.4, 1),
            Stretch("cool-down", "cool-down", 0.1, 0.1),
        ),
    ),
    "steady": Profile(
        about="one rate for ten minutes",
        seconds=600,
        rate_rps=50,
        stretches=(Stretch("warm-up", "warm-up", 0.1, 0.5), Stretch("steady", "steady", 0.9, 1)),
    ),
    "spike": Profile(
        about="five times the load at once, and back",
        seconds=600,
        rate_rps=100,
        stretches=(
            Stretch("warm-up", "warm-up", 0.1, 0.2),
            Stretch("steady", "before the spike", 0.2, 0.2),
            Stretch("transient", "spike", 0.2, 1),
            Stretch("transient", "recovery", 0.1, 0.2),
            Stretch("steady", "after the spike", 0.4, 0.2),
        ),
    ),
    "soak": Profile(
        about="eight hours of one rate: leaks, and what happens once an hour",
        seconds=8 * 3600,
        rate_rps=30,
        stretches=(Stretch("warm-up", "warm-up", 1 / 96, 0.5), Stretch("steady", "steady", 95 / 96, 1)),
    ),
}


def named(
    name: str,
    *,
    arrivals: Arrival = "poisson",
    rate_rps: float | None = None,
    users: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> Plan:
    """A profile as a plan. `users` is the highest number: of the closed model, or of those who serve the arrivals."""
    profile = PROFILES[name]
    highest = rate_rps or profile.rate_rps
    length = seconds or profile.seconds
    phases, start = [], 0.0
    for number, stretch in enumerate(profile.stretches, start=1):
        # The last ends on the second, whatever the shares add up to.
        end = length if number == len(profile.stretches) else start + stretch.time_share * length
        phases.append(
            Phase(
                name=stretch.name,
                label=stretch.label,
                start_seconds=start,
                end_seconds=end,
                offered_rps=None if arrivals == "closed" else highest * stretch.load_share,
                users=max(1, round((users or 10) * stretch.load_share))
                if arrivals == "closed"
                else users or pool(highest),
            )
        )
        start = end
    return Plan(
        profile=name,
        model="closed" if arrivals == "closed" else "open",
        arrivals=None if arrivals == "closed" else arrivals,
        phases=tuple(phases),
        seed=seed,
    )


def custom(*, users: int, spawn_rate: float, seconds: float | None) -> Plan:
    """What Locust's own options ask for: users one after another, then all of them."""
    ramp = min(users / spawn_rate, seconds or math.inf)
    steady = Phase(name="steady", label="steady", start_seconds=ramp, end_seconds=seconds, users=users)
    ramping = Phase(name="ramp", label="spawning", start_seconds=0, end_seconds=ramp, users=users)
    return Plan(profile="custom", model="closed", phases=(ramping,) if ramp == seconds else (ramping, steady))


def stepped(steps: Sequence[Step], *, arrivals: Literal["constant", "poisson"], users: int | None, seed: int) -> Plan:
    """The profile "autoscale": steps that an autoscaler must follow, and back."""
    phases = step_phases(steps, users=users, start=0.0)
    return Plan(profile="autoscale", model="open", arrivals=arrivals, phases=phases, seed=seed)


CALIBRATION_RPS: Final = 5.0
IDLE_SECONDS: Final = 120.0
"""Without load, as controllers of the usual pace need: readings of the metrics API come some 15 s apart, up to a minute
late."""
LOADED_SECONDS: Final = 240.0
LOOK_SECONDS: Final = 15.0
"""To see the autoscaler, where what an arrival costs is known; the sampler starts as fast as it can anyway."""


def calibrating(
    *,
    rate_rps: float | None,
    measures: bool,
    time_scale: float,
    arrivals: Literal["constant", "poisson"],
    users: int | None,
    seed: int,
) -> Plan:
    """The profile "autoscale" as it begins where its steps are to be worked out: no load, then a rate to measure by."""
    rate = rate_rps or CALIBRATION_RPS
    stretches: list[tuple[str, float, float]] = [
        ("calibration: idle", math.ceil(IDLE_SECONDS / time_scale), 0.0),
        ("calibration: loaded", math.ceil(LOADED_SECONDS / time_scale), rate),
    ]
    phases: list[Phase] = []
    start = 0.0
    for label, seconds, offered in stretches if measures else [("a look at the autoscaler", LOOK_SECONDS, 0.0)]:
        end = start + seconds
        phases.append(
            Phase(
                name="warm-up",
                label=label,
                start_seconds=start,
                end_seconds=end,
                offered_rps=offered,
                users=users or pool(rate),
            )
        )
        start = end
    return Plan(profile="autoscale", model="open", arrivals=arrivals, phases=tuple(phases), seed=seed, calibrates=True)


def step_phases(steps: Sequence[Step], *, users: int | None, start: float) -> tuple[Phase, ...]:
    """`users`: None for as many as the highest rate needs."""
    highest = max(step.rate_rps for step in steps)
    phases: list[Phase] = []
    for step in steps:
        end = start + step.hold_seconds
        phases.append(
            Phase(
                name="transient" if step.rate_rps else "cool-down",
                label=f"to {step.replicas} replicas",
                start_seconds=start,
                end_seconds=end,
                offered_rps=step.rate_rps,
                users=users or pool(highest),
                replicas=step.replicas,
            )
        )
        start = end
    return tuple(phases)


SEARCH_FIRST_RPS: Final = 5.0
REQUIRED_SHARE: Final = 0.25
"""Of the rate that must be found, where the search for it begins."""
SEARCH_SECONDS: Final = 1800.0


def searching(
    objectives: Objectives,
    *,
    arrivals: Literal["constant", "poisson"],
    required_rps: float | None,
    seconds: float | None,
    cores: float,
    users: int | None,
    seed: int,
) -> Plan:
    """The profile "breakpoint": a warm-up and the first probe; each probe decides on the next."""
    first = required_rps * REQUIRED_SHARE if required_rps else SEARCH_FIRST_RPS
    search = Search(
        first_rps=first,
        most_rps=float(RPS_PER_CORE * cores),
        required_rps=required_rps,
        seconds=seconds or SEARCH_SECONDS,
        users_at_most=users,
    )
    warm_up = float(round(min(10.0, max(search.seconds / 60, 1))))
    opening = Phase(
        name="warm-up",
        label="warm-up",
        start_seconds=0,
        end_seconds=warm_up,
        offered_rps=first,
        users=search.users(first),
    )
    plan = Plan(profile="breakpoint", model="open", arrivals=arrivals, phases=(opening,), seed=seed, search=search)
    return replace(plan, phases=(opening, *probe_phases(1, first, plan, objectives, start=warm_up, users=0)))

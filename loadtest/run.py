"""One recorded run: all that the verdict, the report and the comparison start from.

Times are seconds from the run's start, unless a name says otherwise. Written and read as JSON, gzip'd in a file.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from loadtest.autoscaling.calibrate import Calibrated
from loadtest.autoscaling.record import AutoscalingRecord
from loadtest.recording.histogram import NONE, Histogram, JsonHistogram
from loadtest.shapes.search import Search

VERSION: Final = 2

PhaseName = Literal["warm-up", "ramp", "transient", "steady", "cool-down"]
Model = Literal["open", "closed"]
LATE_SECONDS: Final = 0.05
"""By so much a generator may be late with what it does itself before that counts: less is the noise of any machine."""
Ended = Literal["completed", "interrupted", "aborted", "refused"]
"""`aborted`: a target that was to end the run was missed, or no steps could be worked out; `refused`: the preflight
said no, and nothing was sent."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of the plan in which what is offered stays the same."""

    name: PhaseName
    label: str
    start_seconds: float
    end_seconds: float | None
    """None: until somebody stops it."""
    offered_rps: float | None = None
    """Arrivals a second; None in the closed model, where the target's own speed decides."""
    users: int | None = None
    replicas: int | None = None
    """What an autoscaler is to settle at, where the profile is about that."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was to be offered. `profile` is "custom" where Locust's own --users, --spawn-rate and --run-time decided."""

    profile: str
    model: Model
    phases: tuple[Phase, ...]
    arrivals: Literal["constant", "poisson"] | None = None
    seed: int = 0
    search: Search | None = None
    """Set where the phases are not known beforehand: each probe of a search decides on the next."""
    calibrates: bool = False
    """Whether what the first phases show decides on the steps that come after them."""

    @property
    def grows(self) -> bool:
        """Whether phases may be added while it runs."""
        return self.search is not None or self.calibrates

    def phase_at(self, seconds: float) -> Phase:
        """The phase that owns a moment: the last one keeps what comes after the end."""
        for phase in reversed(self.phases):
            if seconds >= phase.start_seconds:
                return phase
        return self.phases[0]

    @property
    def end_seconds(self) -> float | None:
        return self.phases[-1].end_seconds


@dataclass(frozen=True, kw_only=True)
class Target:
    """`stand_ins`: parts of the target that are not the real thing, in words for the report."""

    url: str
    service: str | None = None
    version: str | None = None
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Journeys:
    """What visitors do in a run. `left_out`: those of the load test that none of them does, and why."""

    shares: Mapping[str, float] = field(default_factory=dict)
    """Of the visitors, by the journey."""
    left_out: Mapping[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        ran = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items())
        without = ", ".join(f"{name} ({why})" for name, why in self.left_out.items())
        return f"{ran}; left out: {without}" if without else ran


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Requests to one endpoint that were due in one second of one phase. Durations are in microseconds.

    `latency` counts from the moment at which the request was due, so it holds the time for which nobody was free to
    send it; `service_time` from the moment at which it was sent. Both hold failed requests too. A dropped arrival is a
    failed request with the latency for which it waited, and was never sent.
    """

    endpoint: str
    phase: PhaseName
    second: int
    latency: JsonHistogram
    service_time_when_other: JsonHistogram | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    """How many failed, by reason."""
    latency_of_failed: JsonHistogram = NONE
    """The part of `latency` that failed."""
    answered: int = 0
    """Requests that were answered without failure in this second, whenever they were due."""

    @property
    def service_time(self) -> Histogram:
        return self.latency if self.service_time_when_other is None else self.service_time_when_other

    @property
    def requests(self) -> int:
        return len(self.latency)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Of the open model, one number a second of the run."""

    planned: tuple[int, ...]
    started: tuple[int, ...]
    """By the second in which they were due; what is missing to `planned` was dropped."""
    start_delay: JsonHistogram
    """From due to started, microseconds."""

    @property
    def dropped(self) -> int:
        return sum(self.planned) - sum(self.started)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process that made load; the only one of a run without workers is called "local"."""

    id: str
    cpu_percent: tuple[float, ...] = ()
    """Of one core, once a second."""
    clock_offset_seconds: float = 0.0
    """Its clock less the master's, as far as one-way messages tell: good to their delay."""
    lost_at_seconds: float | None = None
    reports_missing: int = 0
    late_seconds: tuple[float, ...] = ()
    """Of each second of the run, the part in which whatever was due would have begun over LATE_SECONDS late, though
    only this process was in its way."""


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    plan: Plan
    target: Target
    started_at: str
    """UTC, ISO 8601."""
    duration_seconds: float
    ended: Ended
    cells: tuple[Cell, ...]
    workers: tuple[Worker, ...]
    journeys: Journeys = field(default_factory=Journeys)
    arrivals: Arrivals | None = None
    autoscaling: AutoscalingRecord | None = None
    calibration: Calibrated | None = None
    """By which its steps were worked out, if they were."""
    problems: tuple[str, ...] = ()
    """What the recorder itself noticed and what makes the numbers unusable."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what made the load."""
    version: int = VERSION

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(sorted({cell.endpoint for cell in self.cells}))

    @property
    def sent(self) -> int:
        """Requests, without the arrivals that were dropped."""
        return sum(len(cell.service_time) for cell in self.cells)


RUN: Final = TypeAdapter(RecordedRun)


class BrokenRun(ValueError):
    """A file that is no run of this version."""


def write(run: RecordedRun, file: Path) -> None:
    file.write_bytes(gzip.compress(RUN.dump_json(run), 6))


def read(file: Path) -> RecordedRun:
    try:
        run = RUN.validate_json(gzip.decompress(file.read_bytes()))
    except (ValidationError, OSError, EOFError) as error:
        raise BrokenRun(f"{file} is not a recorded run: {error}") from error
    if run.version != VERSION:
        raise BrokenRun(f"{file} was written by version {run.version} of the recorder; this is version {VERSION}")
    return run

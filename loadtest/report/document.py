"""`report.json`: what a run came to, for machines. Versioned; its JSON Schema is docs/report.schema.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import TypeAdapter

from loadtest.autoscaling.calibrate import Calibrated
from loadtest.autoscaling.elasticity import Elasticity, Gates
from loadtest.autoscaling.record import Event, Gap
from loadtest.recording.histogram import JsonHistogram
from loadtest.run import Ended, Journeys, Model, Phase, PhaseName, Target
from loadtest.shapes.search import Breakpoint
from loadtest.verdict import Result

VERSION: Final = 2


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    p99_9: float
    maximum: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class JudgedReason:
    result: Result
    rule: str
    text: str
    at_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    result: Result
    exit_code: int
    sentence: str
    reasons: tuple[JudgedReason, ...]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One limit of one objective."""

    objective: str
    metric: str
    unit: str
    limit: float
    observed: float | None
    missed: bool
    requests: int
    from_seconds: float
    to_seconds: float
    worst_endpoint: str | None

    @property
    def state(self) -> Literal["met", "missed", "not measured"]:
        return "not measured" if self.observed is None else "missed" if self.missed else "met"


@dataclass(frozen=True, kw_only=True)
class EndpointPhase:
    """`latency` counts from when requests were due, `service_time` from when they were sent."""

    endpoint: str
    phase: PhaseName
    requests: int
    failed: int
    failures: dict[str, int]
    latency_ms: Percentiles
    service_time_ms: Percentiles
    latency: JsonHistogram


@dataclass(frozen=True, kw_only=True)
class Point:
    """Of the timeline: rates a second, latency in milliseconds, None where nothing was due.

    What was offered, what failed of it and its latency are of the seconds in which it was due; `achieved_rps` is what
    was answered without failure in them, whenever it was due.
    """

    at_seconds: float
    offered_rps: float | None
    achieved_rps: float
    failed_rps: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True)
class ArrivalCounts:
    kind: Literal["constant", "poisson"]
    planned: int
    started: int
    dropped: int
    start_delay_ms: Percentiles


@dataclass(frozen=True, kw_only=True)
class Generator:
    id: str
    cpu_percent_mean: float
    cpu_percent_maximum: float
    late_percent: float
    """Of the run, in which it was itself over 50 ms late with whatever was due."""
    clock_offset_seconds: float
    lost_at_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class ProbeCounts:
    """One rate that a search tried."""

    rate_rps: float
    met: bool
    from_seconds: float
    missed: tuple[str, ...]
    """The limits that it missed, in words."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search for the breakpoint came to. `found` is None where no rate met the objectives."""

    found: Breakpoint | None
    required_rps: float | None
    probes: tuple[ProbeCounts, ...]


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """From `at_seconds` on, until the next; `desired` is None while there is no autoscaler."""

    at_seconds: float
    desired: int | None
    current: int
    ready: int


@dataclass(frozen=True, kw_only=True)
class ConditionChange:
    """What the autoscaler says of itself from then on."""

    at_seconds: float
    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What the sampler saw. Only changes are kept; where there is a gap nothing is known."""

    source: str
    replicas: tuple[Replicas, ...]
    conditions: tuple[ConditionChange, ...]
    events: tuple[Event, ...]
    gaps: tuple[Gap, ...]
    elasticity: Elasticity | None
    gates: Gates = field(default_factory=Gates)
    """What was let through of each at most."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Run less baseline, milliseconds for percentiles; the truth lies between `low` and `high`."""

    endpoint: str
    metric: str
    baseline: float
    run: float
    low: float
    high: float
    regression: bool

    @property
    def unit(self) -> str:
        return "" if self.metric == "error ratio" else " ms"

    def sentence(self) -> str:
        return (
            f"{self.endpoint}: {self.metric} {self.baseline:.4g} -> {self.run:.4g}{self.unit} "
            f"(surely worse by {self.low:.3g}{self.unit} at least)"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Of the steady phase, with an earlier run of the same shape. `began`: when that one did."""

    began: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a run came to. Times are seconds from its start."""

    version: int
    verdict: Judgement
    profile: str
    model: Model
    seed: int
    started_at: str
    duration_seconds: float
    ended: Ended
    target: Target
    phases: tuple[Phase, ...]
    limits: tuple[Limit, ...]
    endpoints: tuple[EndpointPhase, ...]
    timeline: tuple[Point, ...]
    arrivals: ArrivalCounts | None
    generators: tuple[Generator, ...]
    problems: tuple[str, ...]
    breakpoint: Searched | None = None
    autoscaling: Scaling | None = None
    calibration: Calibrated | None = None
    """By which the steps were worked out, if they were."""
    comparison: Comparison | None = None
    journeys: Journeys = field(default_factory=Journeys)
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what made the load."""


DOCUMENT: Final = TypeAdapter(Document)

"""`report.json`: what a run came to, for machines. Versioned; its JSON Schema stands beside this file."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeVar

from pydantic import TypeAdapter

from loadtest.autoscaling.elasticity import Elasticity
from loadtest.autoscaling.record import AutoscalingRecord, Event, Gap, Sample
from loadtest.recording.histogram import Histogram, JsonHistogram
from loadtest.run import Cell, Ended, Model, Phase, PhaseName, RecordedRun, Target
from loadtest.shapes.search import Breakpoint
from loadtest.verdict import Verdict

VERSION: Final = 1
POINTS_AT_MOST: Final = 600
"""On the timeline: an hour by six seconds, eight hours by 48."""
MILLISECOND: Final = 1000

K = TypeVar("K")


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
    result: str
    rule: str
    text: str
    at_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    result: str
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
    """Of the timeline: rates a second, latency in milliseconds, None where nothing was due."""

    at_seconds: float
    offered_rps: float | None
    achieved_rps: float
    failed_rps: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True)
class ArrivalCounts:
    planned: int
    started: int
    dropped: int
    start_delay_ms: Percentiles


@dataclass(frozen=True, kw_only=True)
class Generator:
    id: str
    cpu_percent_mean: float
    cpu_percent_maximum: float
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


@dataclass(frozen=True, kw_only=True)
class Document:
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


DOCUMENT: Final = TypeAdapter(Document)


def document(run: RecordedRun, verdict: Verdict) -> Document:
    arrivals = run.arrivals
    return Document(
        version=VERSION,
        verdict=Judgement(
            result=verdict.result.value,
            exit_code=verdict.exit_code,
            sentence=verdict.sentence(),
            reasons=tuple(
                JudgedReason(result=r.result.value, rule=r.rule, text=r.text, at_seconds=r.at_seconds)
                for r in verdict.reasons
            ),
        ),
        profile=run.plan.profile,
        model=run.plan.model,
        seed=run.plan.seed,
        started_at=run.started_at,
        duration_seconds=run.duration_seconds,
        ended=run.ended,
        target=run.target,
        phases=run.plan.phases,
        limits=tuple(Limit(**asdict(outcome)) for outcome in verdict.outcomes),
        endpoints=endpoints(run.cells),
        timeline=timeline(run),
        arrivals=None
        if arrivals is None
        else ArrivalCounts(
            planned=sum(arrivals.planned),
            started=sum(arrivals.started),
            dropped=arrivals.dropped,
            start_delay_ms=percentiles(arrivals.start_delay),
        ),
        generators=tuple(
            Generator(
                id=worker.id,
                cpu_percent_mean=sum(worker.cpu_percent) / max(len(worker.cpu_percent), 1),
                cpu_percent_maximum=max(worker.cpu_percent, default=0.0),
                clock_offset_seconds=worker.clock_offset_seconds,
                lost_at_seconds=worker.lost_at_seconds,
            )
            for worker in run.workers
        ),
        problems=run.problems,
        autoscaling=None if run.autoscaling is None else scaling(run.autoscaling, verdict.elasticity),
        breakpoint=None
        if run.plan.search is None
        else Searched(
            found=verdict.breakpoint,
            required_rps=run.plan.search.required_rps,
            probes=tuple(
                ProbeCounts(
                    rate_rps=each.probe.rate_rps,
                    met=each.probe.met,
                    from_seconds=each.phase.start_seconds,
                    missed=tuple(outcome.sentence() for outcome in each.outcomes if outcome.missed),
                )
                for each in verdict.probes
            ),
        ),
    )


def scaling(record: AutoscalingRecord, elasticity: Elasticity | None) -> Scaling:
    replicas: list[Replicas] = []
    conditions: dict[str, ConditionChange] = {}
    changes: list[ConditionChange] = []
    for sample in record.samples:
        now = Replicas(at_seconds=sample.at, desired=sample.desired, current=sample.replicas, ready=sample.ready)
        if not replicas or replace(now, at_seconds=replicas[-1].at_seconds) != replicas[-1]:
            replicas.append(now)
        for change in _conditions(sample):
            before = conditions.get(change.type)
            # Messages hold numbers that move all the time.
            if before is None or (before.status, before.reason) != (change.status, change.reason):
                conditions[change.type] = change
                changes.append(change)
    if replicas and record.samples[-1].at > replicas[-1].at_seconds:
        replicas.append(replace(replicas[-1], at_seconds=record.samples[-1].at))
    return Scaling(
        source=record.source,
        replicas=tuple(replicas),
        conditions=tuple(changes),
        events=record.events,
        gaps=record.gaps,
        elasticity=elasticity,
    )


def _conditions(sample: Sample) -> Iterator[ConditionChange]:
    for each in sample.conditions:
        yield ConditionChange(
            at_seconds=sample.at, type=each.type, status=each.status, reason=each.reason, message=each.message
        )


def endpoints(cells: Iterable[Cell]) -> tuple[EndpointPhase, ...]:
    found = []
    for (endpoint, phase), group in sorted(_grouped(cells, lambda cell: (cell.endpoint, cell.phase)).items()):
        failures: dict[str, int] = defaultdict(int)
        for cell in group:
            for reason, count in cell.failures.items():
                failures[reason] += count
        latency = Histogram.merged(cell.latency for cell in group)
        found.append(
            EndpointPhase(
                endpoint=endpoint,
                phase=phase,
                requests=len(latency),
                failed=sum(failures.values()),
                failures=dict(failures),
                latency_ms=percentiles(latency),
                service_time_ms=percentiles(Histogram.merged(cell.service_time for cell in group)),
                latency=latency,
            )
        )
    return tuple(found)


def timeline(run: RecordedRun) -> tuple[Point, ...]:
    step = max(-(-int(run.duration_seconds) // POINTS_AT_MOST), 1)
    by_step = _grouped(run.cells, lambda cell: cell.second // step)
    points = []
    for index in range(int(run.duration_seconds) // step):
        group = by_step.get(index, [])
        latency = Histogram.merged(cell.latency for cell in group)
        failed = sum(cell.failed for cell in group)
        planned = sum(run.arrivals.planned[index * step : (index + 1) * step]) if run.arrivals else None
        points.append(
            Point(
                at_seconds=index * step,
                offered_rps=None if planned is None else planned / step,
                achieved_rps=len(latency) / step,
                failed_rps=failed / step,
                p50_ms=latency.percentile(50) / MILLISECOND if group else None,
                p95_ms=latency.percentile(95) / MILLISECOND if group else None,
                p99_ms=latency.percentile(99) / MILLISECOND if group else None,
            )
        )
    return tuple(points)


def percentiles(histogram: Histogram) -> Percentiles:
    return Percentiles(
        p50=histogram.percentile(50) / MILLISECOND,
        p95=histogram.percentile(95) / MILLISECOND,
        p99=histogram.percentile(99) / MILLISECOND,
        p99_9=histogram.percentile(99.9) / MILLISECOND,
        maximum=histogram.maximum() / MILLISECOND,
        mean=histogram.mean() / MILLISECOND,
    )


def _grouped(cells: Iterable[Cell], key: Callable[[Cell], K]) -> dict[K, list[Cell]]:
    groups: dict[K, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return groups

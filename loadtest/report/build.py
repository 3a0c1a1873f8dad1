"""From a recorded run and its verdict to what the report says."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Final, TypeVar

from loadtest.autoscaling.record import AutoscalingRecord, Sample
from loadtest.recording.histogram import Histogram
from loadtest.report.document import (
    VERSION,
    ArrivalCounts,
    Comparison,
    ConditionChange,
    Document,
    EndpointPhase,
    Generator,
    JudgedReason,
    Judgement,
    Limit,
    Percentiles,
    Point,
    ProbeCounts,
    Replicas,
    Scaling,
    Searched,
)
from loadtest.run import Cell, RecordedRun
from loadtest.verdict import Verdict

POINTS_AT_MOST: Final = 600
"""On the timeline: an hour by six seconds, eight hours by 48."""
MILLISECOND: Final = 1000
GENERATOR_LATE: Final = "the generator itself was late: this probe counts for nothing"

K = TypeVar("K")


def document(run: RecordedRun, verdict: Verdict, comparison: Comparison | None = None) -> Document:
    arrivals = run.arrivals
    return Document(
        version=VERSION,
        verdict=Judgement(
            result=verdict.result,
            exit_code=verdict.exit_code,
            sentence=verdict.sentence(),
            reasons=tuple(
                JudgedReason(result=r.result, rule=r.rule, text=r.text, at_seconds=r.at_seconds)
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
            kind=run.plan.arrivals or "poisson",
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
                late_percent=100 * sum(worker.late_seconds) / max(run.duration_seconds, 1),
                clock_offset_seconds=worker.clock_offset_seconds,
                lost_at_seconds=worker.lost_at_seconds,
            )
            for worker in run.workers
        ),
        problems=run.problems,
        journeys=run.journeys,
        calibration=run.calibration,
        comparison=comparison,
        versions=run.versions,
        autoscaling=None if run.autoscaling is None else scaling(run.autoscaling, verdict),
        breakpoint=None
        if run.plan.search is None
        else Searched(
            found=verdict.breakpoint,
            required_rps=run.plan.search.required_rps,
            probes=tuple(
                ProbeCounts(
                    rate_rps=each.probe.rate_rps,
                    met=each.probe.met and not each.generator_late,
                    from_seconds=each.phase.start_seconds,
                    missed=(
                        *([GENERATOR_LATE] if each.generator_late else []),
                        *(outcome.sentence() for outcome in each.outcomes if outcome.missed),
                    ),
                )
                for each in verdict.probes
            ),
        ),
    )


def scaling(record: AutoscalingRecord, verdict: Verdict) -> Scaling:
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
        elasticity=verdict.elasticity,
        gates=verdict.gates,
    )


def _conditions(sample: Sample) -> Iterator[ConditionChange]:
    for each in sample.conditions:
        yield ConditionChange(
            at_seconds=sample.at, type=each.type, status=each.status, reason=each.reason, message=each.message
        )


def endpoints(cells: Iterable[Cell]) -> tuple[EndpointPhase, ...]:
    found = []
    for (endpoint, phase), group in sorted(_grouped(cells, lambda cell: (cell.endpoint, cell.phase)).items()):
        if not any(cell.requests for cell in group):
            # Answered in this phase, and due in another.
            continue
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
                achieved_rps=sum(cell.answered for cell in group) / step,
                failed_rps=failed / step,
                p50_ms=latency.percentile(50) / MILLISECOND if latency else None,
                p95_ms=latency.percentile(95) / MILLISECOND if latency else None,
                p99_ms=latency.percentile(99) / MILLISECOND if latency else None,
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

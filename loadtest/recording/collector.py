"""On the master, or in a run without workers: all cells of all processes, and whether all of them arrived."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from loadtest.recording.histogram import NONE, Histogram
from loadtest.run import Cell, PhaseName, Worker


class Key(NamedTuple):
    endpoint: str
    phase: PhaseName
    second: int


class Part(NamedTuple):
    """What one process has newly seen of one cell."""

    key: Key
    latency: Histogram
    service_time: Histogram
    failures: Mapping[str, int]
    latency_of_failed: Histogram = NONE
    answered: int = 0


@dataclass
class _Parts:
    latency: list[Histogram] = field(default_factory=list)
    service_time: list[Histogram] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    latency_of_failed: Histogram = NONE
    answered: int = 0

    def add(self, part: Part) -> None:
        self.latency.append(part.latency)
        self.service_time.append(part.service_time)
        self.answered += part.answered
        if part.failures:
            self.failures.update(part.failures)
            self.latency_of_failed = Histogram.merged([self.latency_of_failed, part.latency_of_failed])

    def cell(self, key: Key) -> Cell:
        latency, service = _one(self.latency), _one(self.service_time)
        self.latency, self.service_time = [latency], [service]
        return Cell(
            endpoint=key.endpoint,
            phase=key.phase,
            second=key.second,
            latency=latency,
            service_time_when_other=None if service == latency else service,
            failures=dict(self.failures),
            latency_of_failed=self.latency_of_failed,
            answered=self.answered,
        )


def _unpacked(
    endpoint: str,
    phase: PhaseName,
    second: int,
    latency: bytes,
    service: bytes,
    failures: Mapping[str, int],
    failed: bytes,
    answered: int,
) -> Part:
    histogram = Histogram.unpacked(latency)
    return Part(
        Key(endpoint, phase, second),
        histogram,
        Histogram.unpacked(service) if service else histogram,
        failures,
        Histogram.unpacked(failed) if failed else NONE,
        answered,
    )


def _one(parts: list[Histogram]) -> Histogram:
    return parts[0] if len(parts) == 1 else Histogram.merged(parts)


@dataclass
class _Source:
    cpu_percent: list[float] = field(default_factory=list)
    late: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    next_report: int = 0
    missing: int = 0
    offset: float | None = None
    lost_at: float | None = None
    final: bool = False


class Collector:
    def __init__(self) -> None:
        self._seconds: dict[int, dict[Key, _Parts]] = defaultdict(lambda: defaultdict(_Parts))
        self._started: Counter[int] = Counter()
        self._delays: list[Histogram] = []
        self.sources: dict[str, _Source] = {}

    def expect(self, worker: str) -> None:
        self.sources.setdefault(worker, _Source())

    def add(self, worker: str, report: Mapping[str, Any], *, received_at: float) -> list[Part]:
        """What `Recorder.drain` gave, with the `number`, `sent_at` and `cpu_percent` that the process put to it.

        `sent_at`, `received_at`: seconds into the run as each process counts them, from what its clock showed at the
        start. One that is set later moves neither.
        """
        source = self.sources.setdefault(worker, _Source())
        # Reports of one connection arrive in order, so a number that is skipped is a report that is gone.
        source.missing += max(report["number"] - source.next_report, 0)
        source.next_report = report["number"] + 1
        source.cpu_percent.extend(report["cpu_percent"])
        for second, late in report["late"]:
            source.late[second] += late
        source.final = source.final or bool(report.get("final"))
        offset = report["sent_at"] - received_at
        # The way takes time and never less than none: the greatest is nearest to the truth.
        source.offset = offset if source.offset is None else max(source.offset, offset)
        new = [_unpacked(*cell) for cell in report["cells"]]
        for part in new:
            self._seconds[part.key.second][part.key].add(part)
        self._started.update(dict(report["started"]))
        self._delays.append(Histogram.unpacked(report["start_delay"]))
        if len(self._delays) > 100:
            self._delays = [Histogram.merged(self._delays)]
        return new

    def lost(self, worker: str, *, at: float) -> None:
        source = self.sources.setdefault(worker, _Source())
        if source.lost_at is None and not source.final:
            source.lost_at = at

    def cells(self, *, since: float = 0.0) -> tuple[Cell, ...]:
        # By second first: of a long run only the end is looked at while it goes on.
        found = {key: parts for at, cells in self._seconds.items() if at >= since for key, parts in cells.items()}
        return tuple(found[key].cell(key) for key in sorted(found))

    def started(self, *, seconds: int) -> tuple[int, ...]:
        return tuple(self._started[second] for second in range(seconds))

    def start_delay(self) -> Histogram:
        return Histogram.merged(self._delays)

    def started_between(self, start: int, end: int) -> int:
        return sum(self._started[second] for second in range(start, end))

    def workers(self) -> tuple[Worker, ...]:
        return tuple(
            Worker(
                id=name,
                cpu_percent=tuple(source.cpu_percent),
                clock_offset_seconds=source.offset or 0.0,
                lost_at_seconds=source.lost_at,
                reports_missing=source.missing,
                late_seconds=tuple(source.late.get(second, 0.0) for second in range(max(source.late, default=-1) + 1)),
            )
            for name, source in self.sources.items()
        )

    def unfinished(self, workers: Iterable[str]) -> set[str]:
        """Those whose last report has not come yet."""
        return {name for name in workers if not self.sources[name].final and self.sources[name].lost_at is None}

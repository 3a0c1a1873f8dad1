"""Running totals of a run, kept so that looking at them costs the same in its eighth hour as in its first minute."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from loadtest.recording.collector import Key, Part
from loadtest.recording.histogram import Histogram
from loadtest.run import Cell

BOUNDS_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Of the buckets that Prometheus gets; what objectives are judged by are HDR histograms."""
ENDPOINTS_AT_MOST: Final = 200
"""A name may hold an id by mistake; past these, all go by the name of the rest."""
REST: Final = "(other endpoints)"

CLASSES: Final = (
    ("dropped", "^dropped: "),
    ("unfinished", "no answer before the run ended"),
    ("content", r"\bcontent: "),
    ("timeout", r"(?i)time[d ]*out"),
    ("connection", r"(?i)connection|refused|reset|resolve|name or service|unreachable|ssl|broken pipe|gaierror"),
)
STATUS: Final = re.compile(r"\bHTTP (\d)\d\d\b")


def class_of(reason: str) -> str:
    """One of a few words for why a request failed; reasons themselves may quote what the target said."""
    if status := STATUS.search(reason):
        return f"http_{status[1]}xx"
    return next((name for name, pattern in CLASSES if re.search(pattern, reason)), "other")


class Durations:
    """Of one endpoint: how many fell in each bucket, the last for what took longer than all bounds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.sum_seconds = 0.0

    def add(self, histogram: Histogram) -> None:
        for microseconds, count in histogram:
            self.counts[bisect_left(BOUNDS_SECONDS, microseconds / 1e6)] += count
            self.sum_seconds += microseconds / 1e6 * count


class _Phase:
    """Of one endpoint in one phase."""

    def __init__(self) -> None:
        self.latency: Counter[int] = Counter()
        self.latency_of_failed: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self.answered = 0

    def add(self, part: Part) -> None:
        for counts, histogram in ((self.latency, part.latency), (self.latency_of_failed, part.latency_of_failed)):
            for bucket, count in zip(histogram.buckets, histogram.counts, strict=True):
                counts[bucket] += count
        self.failures.update(part.failures)
        self.answered += part.answered

    def cell(self, key: Key) -> Cell:
        return Cell(
            **key._asdict(),
            latency=Histogram.of(self.latency),
            failures=dict(self.failures),
            latency_of_failed=Histogram.of(self.latency_of_failed),
            answered=self.answered,
        )


class Totals:
    def __init__(self) -> None:
        self.latency: dict[str, Durations] = {}
        self.service_time: dict[str, Durations] = {}
        self.failures: dict[str, Counter[str]] = {}
        self._phases: dict[Key, _Phase] = defaultdict(_Phase)

    def add(self, parts: Iterable[Part]) -> None:
        for part in parts:
            name = self._name(part.key.endpoint)
            self.latency[name].add(part.latency)
            self.service_time[name].add(part.service_time)
            for reason, count in part.failures.items():
                self.failures[name][class_of(reason)] += count
            # One cell for all seconds of a phase: an objective without windows asks for no more.
            self._phases[Key(part.key.endpoint, part.key.phase, 0)].add(part)

    def cells(self) -> tuple[Cell, ...]:
        return tuple(whole.cell(key) for key, whole in self._phases.items())

    @property
    def requests(self) -> Mapping[str, int]:
        return {name: sum(durations.counts) for name, durations in self.latency.items()}

    def _name(self, endpoint: str) -> str:
        name = endpoint if endpoint in self.latency or len(self.latency) < ENDPOINTS_AT_MOST else REST
        self.latency.setdefault(name, Durations())
        self.service_time.setdefault(name, Durations())
        self.failures.setdefault(name, Counter())
        return name

"""Objectives against the cells of a run, from the histograms and never from rounded percentiles."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple, Self

from loadtest.recording.histogram import Histogram
from loadtest.run import Cell, Phase, PhaseName, Plan
from loadtest.slo.spec import Objective, Objectives

AT_LEAST: Final = ("throughput", "apdex", "rate")
"""Metrics of which more is better."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One limit of one objective. `observed` is None where there was nothing to observe.

    With windows, `observed` is the worst window, and `from_seconds` and `to_seconds` are the breach or that window.
    """

    objective: str
    metric: str
    """Such as "p95", "error ratio", "throughput", "apdex"."""
    unit: str
    limit: float
    observed: float | None
    missed: bool
    requests: int
    from_seconds: float
    to_seconds: float
    worst_endpoint: str | None = None

    def observed_text(self) -> str:
        return "nothing to measure" if self.observed is None else f"{_number(self.observed)}{self.unit}"

    def limit_text(self) -> str:
        return f"{'at least' if self.metric in AT_LEAST else 'at most'} {_number(self.limit)}{self.unit}"

    def sentence(self) -> str:
        where = f", worst at {self.worst_endpoint}" if self.worst_endpoint and self.missed else ""
        return (
            f"{self.objective}: {self.metric} {self.observed_text()}, {self.limit_text()} "
            f"(from {self.from_seconds:.0f} s to {self.to_seconds:.0f} s, {self.requests:,} requests{where})"
        )


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0") if abs(value) >= 10 else f"{value:.4g}"


class _Part(NamedTuple):
    """What is asked of a cell, or of all of an endpoint in a phase."""

    endpoint: str
    second: int
    latency: Histogram
    latency_of_failed: Histogram
    requests: int
    failed: int
    answered: int
    """Without failure, in that time, whenever they were due."""

    @classmethod
    def of(cls, cell: Cell, *, until: float) -> Self:
        # What is answered after the end is no throughput of the run.
        answered = cell.answered if cell.second < until else 0
        return cls(
            cell.endpoint, cell.second, cell.latency, cell.latency_of_failed, cell.requests, cell.failed, answered
        )

    @classmethod
    def all_of(cls, endpoint: str, parts: Sequence["_Part"]) -> Self:
        latency = Histogram.merged(part.latency for part in parts)
        return cls(
            endpoint,
            parts[0].second,
            latency,
            Histogram.merged(part.latency_of_failed for part in parts),
            len(latency),
            sum(part.failed for part in parts),
            sum(part.answered for part in parts),
        )


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """What was measured in a window, or in all phases of an objective."""

    start: float
    end: float
    parts: tuple[_Part, ...]
    covered_seconds: float

    def latency(self) -> Histogram:
        return Histogram.merged(part.latency for part in self.parts)

    def latency_of_failed(self) -> Histogram:
        return Histogram.merged(part.latency_of_failed for part in self.parts)

    @property
    def requests(self) -> int:
        return sum(part.requests for part in self.parts)

    @property
    def failed(self) -> int:
        return sum(part.failed for part in self.parts)

    @property
    def answered(self) -> int:
        return sum(part.answered for part in self.parts)


def evaluate(
    objectives: Objectives, plan: Plan, cells: Sequence[Cell], *, until_seconds: float, since_seconds: float = 0.0
) -> tuple[Outcome, ...]:
    """All limits of all objectives, in their order, over a run that lasted for `until_seconds`.

    With `since_seconds`, of the windows only those that begin then or later.
    """
    measured: dict[PhaseName, dict[str, list[_Part]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        measured[cell.phase][cell.endpoint].append(_Part.of(cell, until=until_seconds))

    @cache
    def whole(phase: PhaseName, endpoint: str) -> _Part:
        """Several objectives may be about it; of a long run merging is what takes time."""
        return _Part.all_of(endpoint, measured[phase][endpoint])

    outcomes: list[Outcome] = []
    for objective in objectives.objectives:
        mine = [(phase, each) for phase in objective.phases for each in measured[phase] if objective.about(each)]
        spans = _spans(plan, objective.phases, until_seconds)
        if objective.window_seconds is None:
            outcomes += _whole(objective, [whole(*each) for each in mine], spans)
        else:
            parts = [part for phase, each in mine for part in measured[phase][each]]
            outcomes += _windowed(objective, parts, spans, objective.window_seconds, since_seconds)
    return tuple(outcomes)


def _spans(plan: Plan, names: Iterable[PhaseName], until: float) -> list[tuple[float, float]]:
    def end(phase: Phase) -> float:
        return until if phase.end_seconds is None else min(phase.end_seconds, until)

    return [(p.start_seconds, end(p)) for p in plan.phases if p.name in names and p.start_seconds < until]


def _whole(objective: Objective, parts: list[_Part], spans: list[tuple[float, float]]) -> list[Outcome]:
    start, end = (spans[0][0], spans[-1][1]) if spans else (0.0, 0.0)
    stretch = _Stretch(start=start, end=end, parts=tuple(parts), covered_seconds=sum(b - a for a, b in spans))
    return [
        _outcome(objective, metric, stretch, observed) for metric, observed in _observed(objective, stretch).items()
    ]


def _windowed(
    objective: Objective, parts: list[_Part], spans: list[tuple[float, float]], window: int, since: float
) -> list[Outcome]:
    """Windows lie side by side within each phase; what is left at its end is no window."""
    by_second: dict[int, list[_Part]] = defaultdict(list)
    for part in parts:
        by_second[part.second].append(part)
    starts = [at for start, end in spans for at in range(int(start), int(end) - window + 1, window)]
    stretches = [
        _Stretch(
            start=at,
            end=at + window,
            parts=tuple(part for second in range(at, at + window) for part in by_second[second]),
            covered_seconds=window,
        )
        for at in starts
        if at >= since
    ]
    if not stretches or _longest(starts, window) < objective.for_seconds:
        # No breach could have lasted for so long.
        start, end = (spans[0][0], spans[-1][1]) if spans else (0.0, 0.0)
        nothing = _Stretch(start=start, end=end, parts=(), covered_seconds=0.0)
        return [_outcome(objective, metric, nothing, None) for metric in _limits(objective)]
    seen = [(stretch, _observed(objective, stretch)) for stretch in stretches]
    return [
        _worst(objective, [_outcome(objective, metric, stretch, found[metric]) for stretch, found in seen])
        for metric in _limits(objective)
    ]


def _longest(starts: Sequence[int], window: int) -> int:
    """Seconds of the windows that lie side by side, of those that are the most."""
    longest = lasting = 0
    for before, start in zip((None, *starts), starts, strict=False):
        lasting = lasting + window if before is not None and start == before + window else window
        longest = max(longest, lasting)
    return longest


def _worst(objective: Objective, windows: Sequence[Outcome]) -> Outcome:
    """Of one metric, from the outcome of each window."""
    known = [outcome for outcome in windows if outcome.observed is not None]
    if not known:
        return windows[0]
    lasting = [
        breach
        for breach in _breaches(windows)
        if breach[-1].to_seconds - breach[0].from_seconds >= objective.for_seconds
    ]
    sign = -1 if known[0].metric in AT_LEAST else 1

    def badness(outcome: Outcome) -> float:
        return sign * (outcome.observed or 0.0)

    if not lasting:
        # Over its limit, perhaps, but never for long enough.
        return replace(max(known, key=badness), missed=False)
    breach = max(lasting, key=lambda breach: max(map(badness, breach)))
    return replace(max(breach, key=badness), from_seconds=breach[0].from_seconds, to_seconds=breach[-1].to_seconds)


def _breaches(windows: Sequence[Outcome]) -> list[list[Outcome]]:
    """Windows that missed, side by side. One in which nothing was due says nothing, so it ends no breach."""
    breaches: list[list[Outcome]] = []
    going_on, end = False, 0.0
    for outcome in windows:
        going_on = going_on and outcome.from_seconds == end
        if outcome.missed:
            if not going_on:
                breaches.append([])
            breaches[-1].append(outcome)
            going_on = True
        elif outcome.observed is not None:
            going_on = False
        end = outcome.to_seconds
    return breaches


def _limits(objective: Objective) -> dict[str, tuple[float, str]]:
    limits = {name: (limit, " ms") for name, limit in objective.latency_ms.limits().items()}
    if objective.error_ratio is not None:
        limits["error ratio"] = (objective.error_ratio, "")
    if objective.throughput_rps is not None:
        limits["throughput"] = (objective.throughput_rps, "/s")
    if objective.apdex is not None:
        limits["apdex"] = (objective.apdex.at_least, "")
    return limits


def _observed(objective: Objective, stretch: _Stretch) -> Mapping[str, float | None]:
    limits = _limits(objective)
    requests, failed = stretch.requests, stretch.failed
    found: dict[str, float | None] = dict.fromkeys(limits)
    if "throughput" in limits and stretch.covered_seconds:
        found["throughput"] = stretch.answered / stretch.covered_seconds
    if not requests:
        return found
    percents = [name for name in limits if name.startswith("p")]
    if percents or objective.apdex:
        latency = stretch.latency()
        for name in percents:
            found[name] = latency.percentile(float(name[1:])) / 1000
        if objective.apdex:
            wrong, threshold = stretch.latency_of_failed(), int(objective.apdex.threshold_ms * 1000)
            satisfied, within_four_times = (
                latency.within(limit) - wrong.within(limit) for limit in (threshold, 4 * threshold)
            )
            found["apdex"] = (satisfied + within_four_times) / 2 / requests
    if "error ratio" in limits:
        found["error ratio"] = failed / requests
    return found


def _outcome(objective: Objective, metric: str, stretch: _Stretch, observed: float | None) -> Outcome:
    limit, unit = _limits(objective)[metric]
    if observed is None:
        missed = False
    elif metric in AT_LEAST:
        missed = observed < limit
    else:
        missed = observed > limit
    return Outcome(
        objective=objective.name,
        metric=metric,
        unit=unit,
        limit=limit,
        observed=observed,
        missed=missed,
        requests=stretch.requests,
        from_seconds=stretch.start,
        to_seconds=stretch.end,
        worst_endpoint=_worst_endpoint(metric, stretch.parts) if missed else None,
    )


def _worst_endpoint(metric: str, parts: Sequence[_Part]) -> str | None:
    """The one to look at first."""
    by_endpoint: dict[str, list[_Part]] = defaultdict(list)
    for part in parts:
        by_endpoint[part.endpoint].append(part)

    def badness(endpoint: str) -> float:
        mine = by_endpoint[endpoint]
        if metric in ("error ratio", "throughput"):
            return sum(part.failed for part in mine)
        percent = float(metric[1:]) if metric.startswith("p") else 95.0
        return float(Histogram.merged(part.latency for part in mine).percentile(percent))

    return max(by_endpoint, key=badness, default=None)

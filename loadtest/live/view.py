"""What is known of a run at this moment: the last seconds, how its objectives stand, the replicas, and its verdict."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from loadtest.arrivals import PATIENCE_SECONDS, Planned
from loadtest.autoscaling.record import Sample
from loadtest.live.totals import Totals
from loadtest.recording.collector import Collector, Part
from loadtest.recording.histogram import Histogram
from loadtest.run import Phase, Plan
from loadtest.slo.evaluate import Outcome, evaluate
from loadtest.slo.spec import Objective, Objectives
from loadtest.verdict import Verdict

RECENT_SECONDS: Final = 10
REPORTED_AFTER_SECONDS: Final = 5.0
"""What happened so long ago has been reported by every worker: Locust's interval of three seconds, and the way."""
FRESH_SECONDS: Final = 1.0
"""Whoever asks again so soon gets the same answer."""


@dataclass(frozen=True, kw_only=True)
class Recent:
    """One endpoint in the last seconds that all workers have reported. Latency in milliseconds."""

    endpoint: str
    requests: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True)
class View:
    """Rates are a second, over the last RECENT_SECONDS that all workers have reported."""

    plan: Plan
    at_seconds: float
    phase: Phase
    offered_rps: float | None
    """Arrivals that were due; None in the closed model."""
    achieved_rps: float
    """Arrivals that started; in the closed model, requests."""
    planned: int
    started: int
    dropped: int
    """Arrivals that nobody can start any more."""
    in_flight: int
    waiting: int
    cpu_percent: float | None
    """Of the busiest generator, of one core."""
    objectives: tuple[Outcome, ...]
    recent: tuple[Recent, ...]
    replicas: Sample | None
    verdict: Verdict | None


class Live:
    """Fed with what workers report; `view` says what it comes to, and is asked by whoever looks."""

    def __init__(
        self,
        plan: Plan,
        *,
        shares: Sequence[tuple[str, float]],
        objectives: Objectives,
        collector: Collector,
        now: Callable[[], float],
        replicas: Callable[[], Sample | None],
    ) -> None:
        self._plan, self._shares = plan, shares
        self._collector, self._now, self._replicas = collector, now, replicas
        self._whole = _only(objectives, windowed=False)
        self._windowed = _only(objectives, windowed=True)
        self._order = [objective.name for objective in objectives.objectives]
        self._longest = max((2 * (o.window_seconds or 0) + o.for_seconds for o in self._windowed.objectives), default=0)
        self._looked_until = 0.0
        self._missed: dict[tuple[str, str], Outcome] = {}
        self._planned = Planned(plan, shares)
        self._in_flight: dict[str, tuple[int, int]] = {}
        self._cpu: dict[str, float] = {}
        self._view: tuple[float, View] | None = None
        self.totals = Totals()

    def add(self, worker: str, report: Mapping[str, Any], parts: Sequence[Part]) -> None:
        self.totals.add(parts)
        self._in_flight[worker] = (report["in_flight"], report["waiting"])
        if report["cpu_percent"]:
            self._cpu[worker] = report["cpu_percent"][-1]

    def extend(self, plan: Plan) -> None:
        self._plan, self._planned = plan, Planned(plan, self._shares)

    @property
    def unanswered(self) -> int:
        """Arrivals and requests that were under way when their workers last reported."""
        return sum(in_flight + waiting for in_flight, waiting in self._in_flight.values())

    def end(self, verdict: Verdict, *, at_seconds: float) -> None:
        """From now on the view is that of the end."""
        last = replace(
            self._at(at_seconds, reported=int(at_seconds), patience=0.0),
            in_flight=0,
            waiting=0,
            verdict=verdict,
            objectives=verdict.outcomes,
        )
        self._view = (float("inf"), last)

    def view(self) -> View:
        asked = time.monotonic()
        if self._view is None or asked - self._view[0] > FRESH_SECONDS:
            at = self._now()
            view = self._at(at, reported=int(max(at - REPORTED_AFTER_SECONDS, 0)), patience=PATIENCE_SECONDS)
            self._view = (asked, view)
        return self._view[1]

    def _at(self, at: float, *, reported: int, patience: float) -> View:
        since = max(reported - RECENT_SECONDS, 0)
        seconds = max(reported - since, 1)
        planned = self._planned.until(int(at))
        settled = int(max(reported - patience, 0))
        recent = self._recent(since, reported)
        opened = self._plan.model == "open"
        return View(
            plan=self._plan,
            at_seconds=at,
            phase=self._plan.phase_at(at),
            offered_rps=sum(planned[since:reported]) / seconds if opened else None,
            achieved_rps=(
                self._collector.started_between(since, reported) if opened else sum(each.requests for each in recent)
            )
            / seconds,
            planned=sum(planned),
            started=self._collector.started_between(0, int(at)),
            dropped=max(sum(planned[:settled]) - self._collector.started_between(0, settled), 0),
            in_flight=sum(in_flight for in_flight, _ in self._in_flight.values()),
            waiting=sum(waiting for _, waiting in self._in_flight.values()),
            cpu_percent=max(self._cpu.values(), default=None),
            objectives=self._objectives(at, reported),
            recent=recent,
            replicas=self._replicas(),
            verdict=None,
        )

    def _recent(self, since: int, until: int) -> tuple[Recent, ...]:
        cells = [cell for cell in self._collector.cells(since=since) if cell.second < until]
        found = []
        for endpoint, group in groupby(cells, key=lambda cell: cell.endpoint):
            mine = list(group)
            latency = Histogram.merged(cell.latency for cell in mine)
            if not latency:
                # In these seconds answers came, and nothing was due.
                continue
            p50, p95, p99 = (latency.percentile(percent) / 1000 for percent in (50, 95, 99))
            found.append(
                Recent(
                    endpoint=endpoint,
                    requests=len(latency),
                    failed=sum(cell.failed for cell in mine),
                    p50_ms=p50,
                    p95_ms=p95,
                    p99_ms=p99,
                )
            )
        return tuple(found)

    def _objectives(self, at: float, reported: int) -> tuple[Outcome, ...]:
        """As they stand. Without windows: so far; with windows: a breach, once there was one, else the last windows."""
        whole = evaluate(self._whole, self._plan, self.totals.cells(), until_seconds=at)
        windowed: tuple[Outcome, ...] = ()
        if self._windowed.objectives:
            # Also what passed since somebody last looked, with what a breach may have begun before.
            since = max(min(self._looked_until, reported) - self._longest, 0.0)
            cells = self._collector.cells(since=since)
            windowed = evaluate(self._windowed, self._plan, cells, until_seconds=reported, since_seconds=since)
            self._looked_until = reported
        for outcome in windowed:
            if outcome.missed:
                self._missed.setdefault((outcome.objective, outcome.metric), outcome)
        standing = [*whole, *(self._missed.get((each.objective, each.metric), each) for each in windowed)]
        return tuple(sorted(standing, key=lambda outcome: self._order.index(outcome.objective)))


def _only(objectives: Objectives, *, windowed: bool) -> Objectives:
    def fits(objective: Objective) -> bool:
        return (objective.window_seconds is not None) is windowed

    return Objectives(objectives=tuple(filter(fits, objectives.objectives)))

"""On each process that makes load: every request into the cell it belongs to, and what is new to the master.

The way of a sample through here is walked thousands of times a second: dictionaries and whole numbers, nothing else.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

from loadtest.recording.histogram import Histogram, bucket
from loadtest.run import LATE_SECONDS, Plan

DUE, SENT = "loadtest.due", "loadtest.sent"
"""Keys of the request's context: seconds of the run at which it was due (open model) and at which it was sent."""
REASONS_AT_MOST: Final = 100
"""Reasons may hold an id by mistake; past these, all go by the name of the rest."""
REST: Final = "other reasons"
DROPPED: Final = "dropped: no user was free for it"


class Counts:
    """A cell in the making: how many in each bucket."""

    __slots__ = ("answered", "failures", "latency", "latency_of_failed", "service_time")

    def __init__(self) -> None:
        self.latency: dict[int, int] = defaultdict(int)
        self.service_time: dict[int, int] = defaultdict(int)
        self.failures: Counter[str] = Counter()
        self.latency_of_failed: dict[int, int] = defaultdict(int)
        self.answered = 0


def _by_second_and_endpoint() -> dict[int, dict[str, Counts]]:
    return defaultdict(lambda: defaultdict(Counts))


class Recorder:
    """`clock_zero` is what `time.perf_counter` showed at the run's start."""

    def __init__(self, plan: Plan, *, clock_zero: float) -> None:
        self.plan = plan
        self._zero = clock_zero
        self._cells = _by_second_and_endpoint()
        self._reasons: set[str] = set()
        self._started: Counter[int] = Counter()
        self._start_delay: Counter[int] = Counter()
        self._late: dict[int, float] = defaultdict(float)

    def now(self) -> float:
        return time.perf_counter() - self._zero

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float,
        exception: BaseException | None = None,
        context: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Listener of Locust's `request` event."""
        service = response_time / 1000
        if context and SENT in context:
            sent = context[SENT]
            due = context.get(DUE, sent)
        else:
            # A user class that is not ours.
            sent = due = max(self.now() - service, 0.0)
        self.sample(f"{request_type} {name}", due=due, latency=sent - due + service, service=service, failed=exception)

    def sample(
        self, endpoint: str, *, due: float, latency: float, service: float, failed: BaseException | None = None
    ) -> None:
        """Durations in seconds."""
        second = int(due)
        cell = self._cells[second][endpoint]
        index = bucket(int(latency * 1e6))
        cell.latency[index] += 1
        cell.service_time[index if latency == service else bucket(int(service * 1e6))] += 1
        if failed is None:
            answered = int(due + latency)
            (cell if answered == second else self._cells[answered][endpoint]).answered += 1
        else:
            cell.latency_of_failed[index] += 1
            cell.failures[self._reason(failed)] += 1

    def dropped(self, endpoint: str, *, due: float, waited: float) -> None:
        """An arrival that nobody served, as a request that failed; never sent, it has no service time."""
        cell = self._cells[int(due)][endpoint]
        index = bucket(int(waited * 1e6))
        cell.latency[index] += 1
        cell.latency_of_failed[index] += 1
        cell.failures[DROPPED] += 1

    def woke(self, due: float) -> None:
        """This process itself was to do something at that moment, and comes to it now."""
        late = self.now() - due - LATE_SECONDS
        if late > 0:
            self._late[int(due)] += late

    def started(self, due: float) -> None:
        """An arrival got a user."""
        self._started[int(due)] += 1
        self._start_delay[bucket(max(int((self.now() - due) * 1e6), 0))] += 1

    def extended(self, plan: Plan) -> None:
        """The plan has grown; what is in the past has not changed."""
        self.plan = plan

    def drain(self) -> dict[str, Any]:
        """What is new since the last time, as Locust's messages can carry it."""
        cells, self._cells = self._cells, _by_second_and_endpoint()
        started, self._started = self._started, Counter()
        delay, self._start_delay = self._start_delay, Counter()
        late, self._late = self._late, defaultdict(float)
        return {
            "cells": [
                [
                    # A phase may begin within a second: then its start decides for all of that second.
                    endpoint,
                    self.plan.phase_at(second).name,
                    second,
                    Histogram.of(cell.latency).packed(),
                    b"" if cell.latency == cell.service_time else Histogram.of(cell.service_time).packed(),
                    dict(cell.failures),
                    Histogram.of(cell.latency_of_failed).packed() if cell.failures else b"",
                    cell.answered,
                ]
                for second, endpoints in cells.items()
                for endpoint, cell in endpoints.items()
            ],
            "started": list(started.items()),
            "start_delay": Histogram.of(delay).packed(),
            "late": list(late.items()),
        }

    def _reason(self, failed: BaseException) -> str:
        reason = reason_of(failed)
        if reason not in self._reasons:
            if len(self._reasons) >= REASONS_AT_MOST:
                return REST
            self._reasons.add(reason)
        return reason


def reason_of(failed: BaseException) -> str:
    """Few words that are the same for the same cause."""
    code = getattr(failed, "code", None)
    if isinstance(code, int) and code:
        return f"HTTP {code}"
    if isinstance(failed, OSError) and failed.strerror:
        return f"{type(failed).__name__}: {failed.strerror}"
    # A target's own words may hold what no file can: half of a surrogate pair.
    text = str(failed).encode("utf-8", "replace").decode()
    return f"{type(failed).__name__}: {text}"[:120] if text else type(failed).__name__

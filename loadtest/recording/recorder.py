"""On each process that makes load: every request into the cell it belongs to, and what is new to the master.

The way of a sample through here is walked thousands of times a second: dictionaries and whole numbers, nothing else.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from loadtest.recording.histogram import Histogram, bucket
from loadtest.run import PhaseName, Plan

DUE, SENT = "loadtest.due", "loadtest.sent"
"""Keys of the request's context: seconds of the run at which it was due (open model) and at which it was sent."""
REASONS_AT_MOST: Final = 100
"""Reasons may hold an id by mistake; past these, all go by the name of the rest."""
REST: Final = "other reasons"


class Key(NamedTuple):
    endpoint: str
    phase: PhaseName
    second: int


class Counts:
    """A cell in the making."""

    __slots__ = ("failures", "latency", "service_time")

    def __init__(self) -> None:
        self.latency: dict[int, int] = {}
        self.service_time: dict[int, int] = {}
        self.failures: Counter[str] = Counter()


class Recorder:
    """`clock_zero` is what `time.perf_counter` showed at the run's start."""

    def __init__(self, plan: Plan, *, clock_zero: float) -> None:
        self.plan = plan
        self._zero = clock_zero
        self._cells: dict[Key, Counts] = {}
        self._phases: dict[int, PhaseName] = {}
        self._reasons: set[str] = set()
        self._started: Counter[int] = Counter()
        self._start_delay: Counter[int] = Counter()

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
        context = context or {}
        service = response_time / 1000
        sent = context.get(SENT)
        if sent is None:
            # A user class that is not ours.
            sent = max(self.now() - service, 0.0)
        due = context.get(DUE, sent)
        self.sample(f"{request_type} {name}", due=due, latency=sent - due + service, service=service, failed=exception)

    def sample(
        self, endpoint: str, *, due: float, latency: float, service: float, failed: BaseException | None = None
    ) -> None:
        """Durations in seconds."""
        second = int(due)
        phase = self._phases.get(second)
        if phase is None:
            # A phase may begin within a second: then its start decides for all of that second.
            phase = self._phases[second] = self.plan.phase_at(second).name
        key = Key(endpoint, phase, second)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Counts()
        index = bucket(int(latency * 1e6))
        cell.latency[index] = cell.latency.get(index, 0) + 1
        index = bucket(int(service * 1e6))
        cell.service_time[index] = cell.service_time.get(index, 0) + 1
        if failed is not None:
            cell.failures[self._reason(failed)] += 1

    def started(self, due: float) -> None:
        """An arrival got a user."""
        self._started[int(due)] += 1
        self._start_delay[bucket(max(int((self.now() - due) * 1e6), 0))] += 1

    def extended(self, plan: Plan) -> None:
        """The plan has grown; what is in the past has not changed."""
        self.plan = plan
        self._phases.clear()

    def drain(self) -> dict[str, Any]:
        """What is new since the last time, as Locust's messages can carry it."""
        cells, self._cells = self._cells, {}
        started, self._started = self._started, Counter()
        delay, self._start_delay = self._start_delay, Counter()
        return {
            "cells": [
                [
                    *key,
                    Histogram.of(cell.latency).packed(),
                    b"" if cell.latency == cell.service_time else Histogram.of(cell.service_time).packed(),
                    dict(cell.failures),
                ]
                for key, cell in cells.items()
            ],
            "started": list(started.items()),
            "start_delay": Histogram.of(delay).packed(),
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
    text = str(failed)
    return f"{type(failed).__name__}: {text}"[:120] if text else type(failed).__name__

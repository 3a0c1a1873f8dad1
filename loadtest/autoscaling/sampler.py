"""Reads the autoscaler every few seconds for as long as the test runs, and writes one line of JSON for each finding.

It outlives whatever happens to the cluster: what cannot be read becomes a gap with its reason, and the next reading
tries anew. Times are the wall clock's at the start plus what has passed since by the monotonic one, so that a clock
that jumps in the run moves nothing.
"""

import os
import time
from collections.abc import Callable
from typing import Any, TextIO

from loadtest.autoscaling.record import LINE, Begin, End, Event, Gap, Line, Spec
from loadtest.autoscaling.source import Source, Unreadable


class Sampler:
    def __init__(
        self, source: Source, out: TextIO, *, namespace: str, name: str, interval_seconds: float = 2.0
    ) -> None:
        self._source, self._out = source, out
        self._namespace, self._name, self._interval = namespace, name, interval_seconds
        self._wall, self._monotonic = time.time(), time.monotonic()
        self._spec: Any = None
        self._events: set[Event] = set()
        self._gap: tuple[float, str] | None = None
        self._last_good = self._wall

    def run(self, stop: Callable[[float], bool]) -> None:
        """Until `stop`, which is asked with the seconds to wait between two readings and returns whether to end."""
        self._write(
            Begin(
                at=self._now(),
                namespace=self._namespace,
                name=self._name,
                source=self._source.name,
                interval_seconds=self._interval,
            )
        )
        due, first = time.monotonic(), True
        while True:
            self._once(first=first)
            first = False
            # Fixed moments, not fixed pauses; what was missed is not made up for.
            due = max(due + self._interval, time.monotonic())
            if stop(due - time.monotonic()):
                break
        self._close_gap(self._now())
        self._write(End(at=self._now()))

    def _once(self, *, first: bool) -> None:
        at = self._now()
        try:
            reading = self._source.read(at)
        except Unreadable as error:
            self._gap = self._gap or (self._last_good, str(error))
            return
        self._close_gap(at)
        self._last_good = at
        if reading.hpa is not None and reading.hpa["spec"] != self._spec:
            self._spec = reading.hpa["spec"]
            self._write(Spec(at=at, hpa={key: reading.hpa[key] for key in ("metadata", "spec") if key in reading.hpa}))
        new = set(reading.events) - self._events
        self._events |= new
        if not first:
            # What lies there at the start belongs to another time.
            for event in sorted(new, key=lambda event: event.at):
                self._write(event)
        self._write(reading.sample)

    def _close_gap(self, at: float) -> None:
        if self._gap is not None:
            start, reason = self._gap
            self._write(Gap(start=start, end=at, reason=reason))
            self._gap = None

    def _now(self) -> float:
        return self._wall + time.monotonic() - self._monotonic

    def _write(self, line: Line) -> None:
        # A line at once and whole: who is killed leaves everything up to then.
        self._out.write(LINE.dump_json(line).decode() + "\n")
        self._out.flush()
        os.fsync(self._out.fileno())

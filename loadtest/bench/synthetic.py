"""Runs of any length without waiting for them: what workers would have reported, with times drawn at random."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any, Final

from loadtest.recording.collector import Collector
from loadtest.recording.histogram import Histogram
from loadtest.run import Arrivals, Plan, RecordedRun, Target
from loadtest.shapes.profiles import named

REPORT_SECONDS: Final = 3
DRAWN: Final = 40
"""Seconds of each endpoint that are drawn; the others are these again."""
MEDIAN_MICROSECONDS, SPREAD = 40_000, 0.5


@dataclass(frozen=True, kw_only=True)
class Size:
    """`rate_rps`: requests a second, of all endpoints and workers together."""

    profile: str
    seconds: int
    rate_rps: int
    endpoints: int = 10
    workers: int = 2

    @property
    def in_a_cell(self) -> int:
        """Requests of one worker to one endpoint in a second."""
        return max(self.rate_rps // (self.endpoints * self.workers), 1)

    @property
    def samples(self) -> int:
        return self.in_a_cell * self.endpoints * self.workers * self.seconds

    def plan(self) -> Plan:
        return named(self.profile, rate_rps=self.rate_rps, seconds=self.seconds)


def collected(size: Size, *, seed: int = 1) -> Collector:
    """A master's collector once every report of the run has come."""
    collector = Collector()
    for worker in range(size.workers):
        for report in reports(size, random.Random(f"{seed}/{worker}")):
            collector.add(f"worker-{worker}", report, received_at=0.0)
    return collector


def reports(size: Size, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Of one worker, in the form in which Locust's messages carry them."""
    plan = size.plan()
    cells = {f"GET /api/endpoint-{number}": cycle(_drawn(size.in_a_cell, chance)) for number in range(size.endpoints)}
    a_second = size.in_a_cell * size.endpoints
    delay = Histogram.recorded(int(chance.expovariate(1 / 500)) for _ in range(a_second * REPORT_SECONDS)).packed()
    for number, start in zip(count(), range(0, size.seconds, REPORT_SECONDS)):
        seconds = range(start, min(start + REPORT_SECONDS, size.seconds))
        yield {
            "number": number,
            "sent_at": 0.0,
            "cpu_percent": [chance.uniform(30, 50) for _ in seconds],
            "final": seconds[-1] == size.seconds - 1,
            "cells": [
                [endpoint, plan.phase_at(second).name, second, *_outcomes(next(drawn), size.in_a_cell, chance)]
                for second in seconds
                for endpoint, drawn in cells.items()
            ],
            "started": [(second, a_second) for second in seconds],
            "start_delay": delay,
            "late": [],
        }


def _drawn(requests: int, chance: random.Random) -> list[tuple[bytes, bytes]]:
    """Latency and service time, which differ by the delay of each start."""
    found = []
    for _ in range(DRAWN):
        service = [int(MEDIAN_MICROSECONDS * chance.lognormvariate(0, SPREAD)) for _ in range(requests)]
        latency = [each + int(chance.expovariate(1 / 500)) for each in service]
        found.append((Histogram.recorded(latency).packed(), Histogram.recorded(service).packed()))
    return found


def _outcomes(drawn: tuple[bytes, bytes], requests: int, chance: random.Random) -> tuple[object, ...]:
    if chance.random() < 0.001:
        return (*drawn, {"HTTP 503": 1}, Histogram.recorded([MEDIAN_MICROSECONDS]).packed(), requests - 1)
    return (*drawn, {}, b"", requests)


def recorded(size: Size, collector: Collector) -> RecordedRun:
    """The run as the master hands it to the verdict."""
    planned = (size.in_a_cell * size.endpoints * size.workers,) * size.seconds
    return RecordedRun(
        plan=size.plan(),
        target=Target(url="http://127.0.0.1:8080"),
        started_at="2026-01-01T00:00:00+00:00",
        duration_seconds=size.seconds,
        ended="completed",
        cells=collector.cells(),
        workers=collector.workers(),
        arrivals=Arrivals(
            planned=planned, started=collector.started(seconds=size.seconds), start_delay=collector.start_delay()
        ),
    )

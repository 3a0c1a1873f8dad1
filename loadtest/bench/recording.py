"""What it costs a generator to record one request: from Locust's event into its cell, and out again every 3 seconds."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.synthetic import MEDIAN_MICROSECONDS, REPORT_SECONDS, SPREAD
from loadtest.recording.recorder import DUE, SENT, Recorder
from loadtest.shapes.profiles import named

SAMPLES: Final = 300_000
QUICK: Final = 60_000
RATE_RPS: Final = 3000
MICROSECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class RecordingCost:
    samples: int
    microseconds: float
    """Of each, with its part of what is told to the master."""


def measure(samples: int = SAMPLES) -> RecordingCost:
    chance = random.Random(1)
    plan = named("steady", rate_rps=RATE_RPS, seconds=samples / RATE_RPS)
    times = [MEDIAN_MICROSECONDS / 1000 * chance.lognormvariate(0, SPREAD) for _ in range(10_000)]
    drawn = islice(cycle(times), samples)
    names = [f"/api/endpoint-{number}" for number in range(10)]
    requests: list[dict[str, Any]] = [
        {
            "request_type": "GET",
            "name": names[number % len(names)],
            "response_time": response_time,
            "response_length": 1000,
            "exception": None,
            "context": {DUE: number / RATE_RPS, SENT: number / RATE_RPS + 0.0005},
        }
        for number, response_time in enumerate(drawn)
    ]
    recorder = Recorder(plan, clock_zero=time.perf_counter())
    every = RATE_RPS * REPORT_SECONDS
    began = time.perf_counter()
    for number, request in enumerate(requests, start=1):
        recorder.on_request(**request)
        if number % every == 0:
            recorder.drain()
    seconds = time.perf_counter() - began
    return RecordingCost(samples=samples, microseconds=seconds / samples * 1e6)


def figures(_: Path, say: Say, samples: int) -> Iterator[Figure]:
    say(f"recording {samples:,} requests")
    cost = measure(samples)
    yield Figure(what="recording a request", measured=cost.microseconds, unit="us", at_most=MICROSECONDS)


PART: Final = Part(about="recording a request", measure=figures, full=SAMPLES, quick=QUICK)

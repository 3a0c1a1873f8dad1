"""How long the verdict on ten million requests takes, from what the workers have reported, and in how much memory."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.synthetic import Size, collected, recorded
from loadtest.slo.spec import Apdex, LatencyMs, Objective, Objectives
from loadtest.verdict import Targets, judge

SIZE: Final = Size(profile="steady", seconds=3600, rate_rps=2780)
"""An hour of what one core can send."""
QUICK: Final = Size(profile="steady", seconds=600, rate_rps=1000)
SECONDS, MEMORY_MB = 10.0, 500.0
OBJECTIVES: Final = Objectives(
    objectives=(
        Objective(name="portal", latency_ms=LatencyMs(p95=200, p99=500), error_ratio=0.01),
        Objective(
            name="some",
            endpoints=("GET /api/endpoint-[0-4]",),
            latency_ms=LatencyMs(p50=100, p99_9=1000),
            apdex=Apdex(threshold_ms=200, at_least=0.9),
        ),
        Objective(name="always", latency_ms=LatencyMs(p95=300), window_seconds=10, for_seconds=30),
    )
)


@dataclass(frozen=True, kw_only=True)
class VerdictCost:
    """`seconds`: merging of the workers' histograms and the verdict. `memory_mb`: the most of a process that
    holds the run, with the interpreter."""

    samples: int
    seconds: float
    memory_mb: float


def measure(size: Size = SIZE) -> VerdictCost:
    """In a fresh process: how much memory one has ever taken can only be asked for its whole life."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(_measured, size).result()


def _measured(size: Size) -> VerdictCost:
    collector = collected(size)
    began = time.perf_counter()
    run = recorded(size, collector)
    verdict = judge(run, Targets(objectives=OBJECTIVES))
    seconds = time.perf_counter() - began
    assert verdict.exit_code == 0, verdict.sentence()
    assert sum(cell.requests for cell in run.cells) == size.samples
    return VerdictCost(
        samples=size.samples,
        seconds=seconds,
        memory_mb=_peak_memory_mb(),
    )


def _peak_memory_mb() -> float:
    """By /proc: `getrusage` starts a process at what the one before it took, so it would tell the parent's memory.

    Source: proc_pid_status(5), VmHWM.
    """
    [kib] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kib) * 1.024 / 1000


def figures(_: Path, say: Say, size: Size) -> Iterator[Figure]:
    say(f"a verdict on {size.samples:,} requests, which are made up first")
    cost = measure(size)
    what = f"verdict on {cost.samples / 1e6:.3g} million requests"
    yield Figure(what=what, measured=cost.seconds, unit="s", at_most=SECONDS, note="with the merging of two workers'")
    yield Figure(what=f"{what}: memory", measured=cost.memory_mb, unit="MB", at_most=MEMORY_MB)


PART: Final = Part(about="the verdict on a long run", measure=figures, full=SIZE, quick=QUICK)

"""How punctual open arrivals are, and whether they see a target that stands still, which a closed loop does not."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.generator import Run, locust
from loadtest.bench.target import Target, serving
from loadtest.report.document import Document, EndpointPhase
from loadtest.shapes.profiles import PROFILES
from loadtest.verdict import Result

LOCUSTFILE: Final = Path(__file__).with_name("portal_user.py")
RATE_RPS: Final = 1000
START_DELAY_MS: Final = 10.0
FROZEN_RATE_RPS: Final = 100
FROZEN_SECONDS, OF_SECONDS = 5.0, 20.0
P95_SEEN_MS: Final = 1000.0
"""Of a quarter of the requests, each waits for a part of the five seconds."""
[STEADY_SHARE] = [each.time_share for each in PROFILES["steady"].stretches if each.name == "steady"]


class Length(NamedTuple):
    """Of the steady phase at full rate."""

    seconds: float


def figures(folder: Path, say: Say, length: Length) -> Iterator[Figure]:
    with serving() as target:
        yield from punctual(target, folder, say, length.seconds)
        yield from frozen(target, folder, say)


def punctual(target: Target, folder: Path, say: Say, seconds: float) -> Iterator[Figure]:
    say(f"open arrivals at {RATE_RPS:,}/s for {seconds:.0f} s")
    with locust(LOCUSTFILE, target.url, folder / "punctual", "Unchecked", *opened(RATE_RPS, seconds)) as run:
        run.wait(seconds / STEADY_SHARE)
        told = run.report()
    if told.verdict.result is Result.invalid_run or told.arrivals is None:
        raise run.failed(f"proves nothing ({told.verdict.sentence})")
    delay = told.arrivals.start_delay_ms
    yield Figure(
        what=f"{RATE_RPS:,} arrivals/s: p99 of the start delay",
        measured=delay.p99,
        unit="ms",
        at_most=START_DELAY_MS,
        note=f"p50 {delay.p50:.2g} ms, p99.9 {delay.p99_9:.2g} ms of {told.arrivals.planned:,} arrivals",
    )
    yield Figure(what="arrivals that were dropped", measured=told.arrivals.dropped, unit="", at_most=0)


def frozen(target: Target, folder: Path, say: Say) -> Iterator[Figure]:
    """Both look at the same target at once, and see the same pause."""
    say(f"a target that stands still for {FROZEN_SECONDS:.0f} s of {OF_SECONDS:.0f}")
    users = str(FROZEN_RATE_RPS // 10)
    closed = ("--users", users, "--spawn-rate", users, "--run-time", f"{OF_SECONDS:.0f}", "--report-dir", "report")
    with ExitStack() as stack:
        runs = [
            stack.enter_context(locust(LOCUSTFILE, target.url, folder / name, *arguments))
            for name, arguments in (
                ("open", ("Unchecked", *opened(FROZEN_RATE_RPS, OF_SECONDS))),
                ("closed", ("Pausing", *closed)),
            )
        ]
        for run in runs:
            run.wait_for('Phase "steady"')
        time.sleep((OF_SECONDS - FROZEN_SECONDS) / 2)
        target.freeze()
        time.sleep(FROZEN_SECONDS)
        target.thaw()
        for run in runs:
            run.wait(OF_SECONDS)
        seen, hidden = (steady(run, run.report()) for run in runs)
    what = f"{FROZEN_SECONDS:.0f} s of {OF_SECONDS:.0f} frozen: p95 of"
    yield Figure(
        what=f"{what} open arrivals", measured=seen.latency_ms.p95, unit="ms", at_least=P95_SEEN_MS,
        note=f"latency of {seen.requests:,} requests",
    )  # fmt: skip
    yield Figure(
        what=f"{what} a closed loop", measured=hidden.service_time_ms.p95, unit="ms",
        note=f"service time of {hidden.requests:,} requests: it hides the pause",
    )  # fmt: skip


def opened(rate_rps: int, seconds: float) -> tuple[str, ...]:
    """Poisson arrivals at that rate for so long, after a warm-up."""
    length = f"{seconds / STEADY_SHARE:.0f}"
    return ("--profile", "steady", "--rate", str(rate_rps), "--run-time", length, "--report-dir", "report")


def steady(run: Run, told: Document) -> EndpointPhase:
    found = [each for each in told.endpoints if each.phase == "steady"]
    if len(found) != 1 or found[0].failed:
        raise run.failed("had failed requests, or none")
    return found[0]


PART: Final = Part(
    about="open arrivals: punctual, and honest about a pause", measure=figures, full=Length(60), quick=Length(10)
)

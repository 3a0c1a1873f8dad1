"""What a run of eight hours leaves for people: how large its page is, and how long all its files take."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.synthetic import Size, collected, recorded
from loadtest.report.build import document
from loadtest.report.page import page
from loadtest.verdict import Targets, judge

SIZE: Final = Size(profile="soak", seconds=8 * 3600, rate_rps=40)
QUICK: Final = Size(profile="soak", seconds=1800, rate_rps=40)
PAGE_MB: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class SoakReport:
    samples: int
    page_mb: float
    seconds: float
    """From the run to the page."""


def measure(size: Size = SIZE) -> SoakReport:
    run = recorded(size, collected(size))
    verdict = judge(run, Targets())
    began = time.perf_counter()
    with TemporaryDirectory() as directory:
        file = Path(directory, "report.html")
        file.write_text(page(document(run, verdict)), encoding="utf-8")
        seconds = time.perf_counter() - began
        return SoakReport(samples=size.samples, page_mb=file.stat().st_size / 1e6, seconds=seconds)


def figures(_: Path, say: Say, size: Size) -> Iterator[Figure]:
    hours = f"{size.seconds / 3600:g} h"
    say(f"the page of a soak of {hours}, which is made up first")
    cost = measure(size)
    what = f"page of a soak of {hours}"
    yield Figure(what=what, measured=cost.page_mb, unit="MB", at_most=PAGE_MB, note=f"{cost.samples:,} requests")
    yield Figure(what=f"{what}: time", measured=cost.seconds, unit="s")


PART: Final = Part(about="the page of a soak", measure=figures, full=SIZE, quick=QUICK)

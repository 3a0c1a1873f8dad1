"""Runs of the stock `locust --headless`, each a process of its own, and what they leave."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from loadtest.bench.target import BenchFailed
from loadtest.report.document import DOCUMENT, Document
from loadtest.variables import TOKEN_VARIABLE
from tools.cluster.processes import Program

ROOT: Final = Path(__file__).parents[2]
NOT_MEASURED: Final = ("LOCUST_", "LOADTEST_", TOKEN_VARIABLE)
"""Settings of the shell that begin so would change what is run."""
LONGER_SECONDS: Final = 60.0
"""Beyond its time, what a run may take to start, to end and to write its report."""
SETTLED_SECONDS: Final = 2
"""At the start of a run, in which users come; the last second is not whole either."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One Locust under way, or ended, with its files in `folder`."""

    program: Program
    folder: Path

    def wait(self, seconds: float) -> None:
        """Until it has ended, whatever it says of the target."""
        if not ended_within(self.program, seconds):
            raise self.failed(f"did not end within {seconds + LONGER_SECONDS:.0f} s")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + LONGER_SECONDS
        while text not in self.program.log.read_text(errors="replace"):
            if self.program.ended() is not None or time.monotonic() > deadline:
                raise self.failed(f"never said {text!r}")
            time.sleep(0.02)

    def requests_per_second(self) -> float:
        """Of its whole seconds with all users. Raises BenchFailed if there is none, or if any request failed."""
        entries: list[dict[str, Any]] = json.loads(self._left("stats.json"))
        if failed := sum(entry["num_failures"] for entry in entries):
            raise self.failed(f"had {failed} failed requests")
        rate = settled_rate([entry["num_reqs_per_sec"] for entry in entries])
        if rate is None:
            raise self.failed("was too short, or asked nothing")
        return rate

    def report(self) -> Document:
        return DOCUMENT.validate_json(self._left("report/report.json"))

    def failed(self, how: str) -> BenchFailed:
        return BenchFailed(f"A measured run of Locust {how}:\n{self.program.last_words(12)}")

    def _left(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except OSError:
            raise self.failed(f"left no {name}") from None


@contextmanager
def locust(file: Path, host: str, folder: Path, *arguments: str) -> Iterator[Run]:
    """A run that is ended with the block, if it has not by itself. `arguments` as on Locust's command line."""
    folder.mkdir()
    program = Path(sys.executable).with_name("locust")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(NOT_MEASURED)}
    running = Program(
        [program, "-f", file, "--host", host, "--headless", "--only-summary", "--json-file", "stats", *arguments],
        folder / "locust.log",
        folder=folder,
        environment=plain | {"PYTHONPATH": str(ROOT)},
    )
    try:
        yield Run(program=running, folder=folder)
    finally:
        running.kill()


def ended_within(program: Program, seconds: float) -> bool:
    """Whether it ended by itself in that time and some more."""
    deadline = time.monotonic() + seconds + LONGER_SECONDS
    while program.ended() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return program.ended() is not None


def settled_rate(seconds_of_entries: Sequence[Mapping[str, int]]) -> float | None:
    """Requests a second, from how many each entry of Locust's statistics had in each second since 1970."""
    total: dict[int, int] = {}
    for seconds in seconds_of_entries:
        for second, requests in seconds.items():
            total[int(second)] = total.get(int(second), 0) + requests
    if not total:
        return None
    whole = range(min(total) + SETTLED_SECONDS, max(total))
    return fmean(total.get(second, 0) for second in whole) if whole else None

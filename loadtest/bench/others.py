"""Other generators at the same target, for the reader to see what ours costs; those that are installed."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.generator import ended_within
from loadtest.bench.target import BenchFailed, serving
from loadtest.bench.users import USERS
from tools.cluster.processes import Program

SCRIPT: Final = "import http from 'k6/http';\nexport default function () { http.get(__ENV.TARGET); }\n"
"""k6 takes what it does from a file."""


@dataclass(frozen=True, kw_only=True)
class Generator:
    """`arguments` come from the target's URL, the seconds and the script; `printed` finds its requests a second."""

    name: str
    arguments: Callable[[str, int, Path], tuple[str, ...]]
    printed: str
    uses: str

    def rate(self, output: str) -> float | None:
        found = re.search(self.printed, output, re.MULTILINE)
        return float(found[1]) if found else None


GENERATORS: Final = (
    Generator(
        name="wrk",
        arguments=lambda url, seconds, _: ("--threads=1", f"--connections={USERS}", f"--duration={seconds}s", url),
        printed=r"^Requests/sec:\s+([\d.]+)",
        uses="one thread",
    ),
    Generator(
        name="hey",
        arguments=lambda url, seconds, _: ("-c", str(USERS), "-z", f"{seconds}s", url),
        printed=r"^\s+Requests/sec:\s+([\d.]+)",
        uses="all cores",
    ),
    Generator(
        name="k6",
        arguments=lambda url, seconds, script: (
            *("run", "--quiet", "--no-color", "--no-usage-report", f"--vus={USERS}", f"--duration={seconds}s"),
            *("--env", f"TARGET={url}", str(script)),
        ),
        printed=r"^\s*http_reqs\.+:\s+\d+\s+([\d.]+)/s",
        uses="all cores",
    ),
)


def figures(folder: Path, say: Say, seconds: int) -> Iterator[Figure]:
    script = folder / "k6.js"
    script.write_text(SCRIPT)
    with serving() as target:
        for generator in GENERATORS:
            say(generator.name)
            program = shutil.which(generator.name)
            if program is None:
                yield Figure(what=generator.name, measured=None, unit="requests/s", note="not installed")
                continue
            command = [program, *generator.arguments(target.url, seconds, script)]
            rate = measured(generator, command, folder / f"{generator.name}.log", seconds)
            yield Figure(what=generator.name, measured=rate, unit="requests/s", note=generator.uses)


def measured(generator: Generator, command: list[str], log: Path, seconds: int) -> float:
    running = Program(command, log)
    try:
        ended = ended_within(running, seconds)
    finally:
        running.kill()
    rate = generator.rate(log.read_text())
    if not ended or rate is None:
        raise BenchFailed(f"{generator.name} did not say how many requests a second it sent:\n{running.last_words(12)}")
    return rate


PART: Final = Part(about="wrk, hey and k6, where installed", measure=figures, full=8, quick=3)

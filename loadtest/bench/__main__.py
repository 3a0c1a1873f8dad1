"""`make bench-loadtest`: what the load test itself costs, beside its limits, in one run.

Exit codes: 0 every limit is kept; 1 one is missed; 2 usage, or a program is missing; 3 something could not be measured;
130 interrupted.
"""

import json
import os
import platform
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.bench import arrivals, others, recording, soak_report, users, verdict
from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.target import BenchFailed, Missing

PARTS: Final[dict[str, Part[Any]]] = {
    "users": users.PART,
    "others": others.PART,
    "arrivals": arrivals.PART,
    "recording": recording.PART,
    "verdict": verdict.PART,
    "soak-report": soak_report.PART,
}
PIPE_COLUMNS: Final = 160
"""Wide enough that no line wraps in a log file."""


def main(words: Sequence[str]) -> int:
    options = parse(words)
    # However one is told to end: programs are stopped, and what is known is printed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found: list[Figure] = []
    code = 0
    try:
        for figure in figures(options.only or list(PARTS), quick=options.quick):
            found.append(figure)
    except KeyboardInterrupt:
        code = 130
        print("Interrupted; this is what was measured until then.", file=sys.stderr)
    except Missing as missing:
        code = 2
        print(missing, file=sys.stderr)
    except BenchFailed as failed:
        code = 3
        print(failed, file=sys.stderr)
    if found:
        Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS).print(table(found, quick=options.quick))
    if options.json:
        options.json.write_text(json.dumps(as_json(found, quick=options.quick, complete=not code), indent=1) + "\n")
    return code or int(any(figure.kept is False for figure in found))


def parse(words: Sequence[str]) -> Namespace:
    parser = ArgumentParser(
        prog="python -m loadtest.bench",
        description="Measures what the load test itself costs, beside its limits; in full some four minutes.",
        epilog="; ".join(f"{name}: {part.about}" for name, part in PARTS.items())
        + ". Example: python -m loadtest.bench --quick --only users",
    )
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, under two minutes; noisier")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="NAME", help="one part; may be repeated")
    parser.add_argument("--json", type=_writable, metavar="FILE", help="write the figures there, too")
    return parser.parse_args(words)


def _writable(text: str) -> Path:
    file = Path(text)
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ArgumentTypeError(f"{text} cannot be written; name a file in a directory that exists")
    return file


def figures(names: Sequence[str], *, quick: bool) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="portal-bench-") as folder, progress() as say:
        for name in names:
            own = Path(folder, name)
            own.mkdir()
            yield from PARTS[name].figures(own, say, quick=quick)


@contextmanager
def progress() -> Iterator[Say]:
    """None where there is no terminal: rich's spinner sees to that."""
    with Console(stderr=True).status("starting") as status:
        yield status.update


def table(found: Sequence[Figure], *, quick: bool) -> Table:
    shown = Table(title=f"Cost of the load test on {os.cpu_count()} cores{', quick' if quick else ''}")
    for heading in ("what", "measured", "limit", "", "note"):
        shown.add_column(heading, justify="right" if heading in ("measured", "limit") else "left")
    colours = {None: "", True: "green", False: "red"}
    for figure in found:
        judgement = Text(figure.judgement(), style=colours[figure.kept])
        shown.add_row(figure.what, figure.told(), figure.limit(), judgement, figure.note)
    return shown


def as_json(found: Sequence[Figure], *, quick: bool, complete: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "quick": quick,
        "complete": complete,
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "locust": version("locust")},
        "figures": [figure.as_json() for figure in found],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

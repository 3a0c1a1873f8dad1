"""`make bench`: what a synthesis costs, with the fast bindings and with the plain ones, side by side in one run."""

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from portal import bindings
from portal.commands.terminal import console
from portal.errors import PortalError
from portal.synthesis import ROOT, read_stack, resources

NAME = "bench"
HELP = "Measure time and peak memory of a synthesis over 0, 1, 3 and all stacks, fast and eager bindings."
EXAMPLE = "make bench"

SAMPLE_SECONDS = 0.05
"""Reading the memory of a process tree costs time of the machine that is measured."""

NOT_MEASURED = {"NODE_OPTIONS", "PYTHONDONTWRITEBYTECODE", bindings.EAGER_SWITCH}
"""Settings of the shell that would change the figures: a second run anywhere finds compiled bytecode."""

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, "constructs")
from portal import bindings
bindings.install()
from portal.app import synthesize
synthesize(Path("environments"), only=sys.argv[2:], outdir=sys.argv[1])
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall time, and the most memory that the process and its children held at one moment."""

    seconds: float
    peak_mib: float


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("--runs", type=_runs, default=3, help="runs of the fast bindings: the median counts (3)")
    parser.add_argument("--skip-eager", action="store_true", help="leave out the eager bindings, which take minutes")


def _runs(text: str) -> int:
    """Raises what argparse makes a message of."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def run(options: Namespace) -> int:
    names = _all_names()
    sets = {"0 stacks": [], "1 stack": ["prod-aws"], "3 stacks": [n for n in names if n.startswith("prod-")]}
    sets["all stacks"] = names
    table = Table(title="Cost of one synthesis, Python and Node together")
    for heading in ("stacks", "resources", "fast s", "fast MiB", "eager s", "eager MiB", "ratio"):
        table.add_column(heading, justify="left" if heading == "stacks" else "right")
    with Console(stderr=True).status("measuring") as status, tempfile.TemporaryDirectory() as folder:
        _measure([], Path(folder), eager=False)  # Fills caches: jsii's and the operating system's.
        costs: list[tuple[int, float]] = []
        for label, stacks in sets.items():
            status.update(f"{label}, fast bindings")
            fast = _median([_measure(stacks, Path(folder), eager=False) for _ in range(options.runs)])
            count = sum(1 for name in stacks for _ in resources(read_stack(name, Path(folder) / "stacks")))
            costs.append((count, fast.seconds))
            row = [label, str(count), f"{fast.seconds:.2f}", f"{fast.peak_mib:.0f}", "-", "-", "-"]
            if not options.skip_eager and label in {"1 stack", "all stacks"}:
                status.update(f"{label}, eager bindings")
                eager = _measure(stacks, Path(folder), eager=True)
                ratio = eager.seconds / fast.seconds
                row[4:] = [f"{eager.seconds:.1f}", f"{eager.peak_mib:.0f}", f"{ratio:.1f}x"]
            table.add_row(*row)
    console().print(table)
    (_, startup), *_, (most, total) = costs
    print(f"Start-up {startup:.2f} s; {1000 * (total - startup) / most:.2f} ms for each resource beyond it.")
    return 0


def _all_names() -> list[str]:
    # Importing the app imports cdktf, which only a run of this command should cost.
    bindings.install()
    from portal.app import stacks  # noqa: PLC0415
    from portal.spec.loader import load_environments  # noqa: PLC0415
    from portal.spec.versions import load_versions  # noqa: PLC0415

    return list(stacks(load_environments(ROOT / "environments"), load_versions()))


def _measure(stacks: Sequence[str], outdir: Path, *, eager: bool) -> Cost:
    """Runs one synthesis. Raises `PortalError` with its output if it fails."""
    plain = {key: value for key, value in os.environ.items() if key not in NOT_MEASURED}
    environment = plain | ({bindings.EAGER_SWITCH: "1"} if eager else {})
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(outdir), *stacks], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, _tree_bytes(process.pid))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - started
        if process.returncode != 0:
            output.seek(0)
            raise PortalError(f"A measured synthesis failed:\n{output.read()}")
    return Cost(seconds=seconds, peak_mib=peak / 2**20)


def _tree_bytes(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in members:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _median(costs: Sequence[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]

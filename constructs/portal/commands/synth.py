"""`make synth`: runs `cdktf synth` and shows what came out."""

import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from tempfile import TemporaryFile

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from portal import bindings
from portal.commands.terminal import console
from portal.errors import PortalError
from portal.synthesis import OUTPUT, ROOT, PlannedResource, chosen_stacks, read_stack, resources

NAME = "synth"
HELP = "Run cdktf synth, then print a table of the stacks, or of one stack's constructs."
EXAMPLE = "make synth STACK=prod-aws"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("stack", nargs="?", help="show this stack by construct instead of all stacks by layer")


def run(options: Namespace) -> int:
    started = time.monotonic()
    _synthesize()
    seconds = time.monotonic() - started
    names = chosen_stacks([options.stack] if options.stack else [])
    out = console()
    out.print(_construct_table(names[0]) if options.stack else _stack_table(names))
    out.print(f"Synthesized in {seconds:.1f} s into {OUTPUT.relative_to(ROOT)}/.", highlight=False)
    return 0


def _synthesize() -> None:
    """The real CLI, quietly. Raises `PortalError` with the app's own message if it fails."""
    # Node's words for a folder that cannot be written are a traceback.
    OUTPUT.mkdir(parents=True, exist_ok=True)
    TemporaryFile(dir=OUTPUT).close()
    if bindings.first_run():
        print(bindings.FIRST_RUN_NOTICE, file=sys.stderr)
    with Console(stderr=True).status("cdktf synth"):
        done = subprocess.run(
            [ROOT / "node_modules" / ".bin" / "cdktf", "synth"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise PortalError(_message_of_app(done.stderr) or done.stdout + done.stderr)


def _message_of_app(cli_errors: str) -> str:
    """What the app itself said, out of what the CLI wraps around it; empty if the CLI failed on its own."""
    _, found, rest = cli_errors.partition("Command output on stderr:\n")
    return "\n".join(line.removeprefix("    ") for line in rest.strip("\n").splitlines()).rstrip() if found else ""


def _stack_table(names: list[str]) -> Table:
    """A row for each layer, of which there are thirty: as columns they would fit no terminal."""
    documents = {name: read_stack(name) for name in names}
    counts = {name: Counter(r.layer for r in resources(document)) for name, document in documents.items()}
    table = Table(title="Resources by layer", box=SIMPLE_HEAD)
    table.add_column("layer", no_wrap=True)
    for name in names:
        table.add_column(name.replace("-", "\n"), justify="right", overflow="fold")
    for layer in sorted({layer for count in counts.values() for layer in count}):
        table.add_row(layer, *(str(counts[name][layer] or "-") for name in names))
    table.add_section()
    table.add_row("all", *(str(counts[name].total()) for name in names))
    table.add_row("helm releases", *(str(len(documents[name]["resource"].get("helm_release", {}))) for name in names))
    sizes = ((OUTPUT / name / "cdk.tf.json").stat().st_size for name in names)
    table.add_row("JSON KiB", *(f"{size / 1024:.0f}" for size in sizes))
    return table


def _construct_table(name: str) -> Table:
    by_construct: dict[str, list[PlannedResource]] = {}
    for resource in resources(read_stack(name)):
        by_construct.setdefault(_construct(resource.path), []).append(resource)
    table = Table(title=f"{name} by construct")
    table.add_column("construct")
    table.add_column("resources", justify="right")
    table.add_column("types")
    for construct, held in sorted(by_construct.items()):
        types = Counter(resource.type for resource in held)
        listed = ", ".join(type if count == 1 else f"{type} x {count}" for type, count in sorted(types.items()))
        table.add_row(construct, str(len(held)), listed)
    return table


def _construct(path: str) -> str:
    """The construct that holds a resource: its path without the resource's own id."""
    return path.rpartition("/")[0] or path

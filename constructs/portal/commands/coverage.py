"""`make coverage`: shows where each row of the deployment guide is."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from portal.commands.terminal import console
from portal.coverage import Contents, Covered, State, cover, load_guide
from portal.errors import PortalError
from portal.spec.loader import TIERS
from portal.synthesis import stack_names

NAME = "coverage"
HELP = "Show in which stacks each row of the deployment guide is, and as what; exit 1 if a row is empty."
EXAMPLE = "make coverage CLOUD=kubernetes"

ORDER = (*TIERS, "local")


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("part", help="the part of the guide, such as kubernetes")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")


def run(options: Namespace) -> int:
    parts = load_guide().parts
    if options.part not in parts:
        raise PortalError(f"The guide has no part {options.part} here. The parts are: {', '.join(parts)}.")
    names = stack_names()
    with Console(stderr=True).status("rendering charts"):
        rows = cover(parts[options.part], [Contents.read(name) for name in names])
    if options.json:
        print(json.dumps([_as_json(row) for row in rows], indent=2))
    else:
        console().print(_table(rows, names))
    failing = [row for row in rows if row.fails]
    for row in failing:
        print(*_complaints(row), sep="\n", file=sys.stderr)
    states = [row.state for row in rows]
    print(
        f"{options.part}: {len(rows)} rows, {states.count(State.COVERED)} covered, "
        f"{states.count(State.NOT_YET)} not yet, {len(failing)} failing",
        file=sys.stderr if options.json else sys.stdout,
    )
    return 1 if failing else 0


def _table(rows: Sequence[Covered], names: Sequence[str]) -> Table:
    table = Table("guide", "row", show_lines=True)
    # An address is of use only whole.
    table.add_column("found as", overflow="fold")
    table.add_column("stacks")
    for row in rows:
        found = sorted({name for found in row.found.values() for name in found})
        complete = [stack for stack in row.found if stack not in row.missing]
        cell = row.state if row.row.not_yet is None else f"{row.state}: {row.row.not_yet}"
        table.add_row(
            row.row.guide,
            row.row.row,
            "\n".join(found),
            summary(complete, names) if row.state is State.COVERED else cell,
        )
    return table


def summary(stacks: Iterable[str], names: Sequence[str]) -> str:
    """Stack names, shorter: `all 10`, a tier for its stacks on every cloud, and the rest by name."""
    chosen = set(stacks)
    if chosen == set(names):
        return f"all {len(names)}"
    tiers: dict[str, set[str]] = {}
    for name in names:
        tiers.setdefault(name.partition("-")[0], set()).add(name)
    parts: list[str] = []
    for tier, members in sorted(tiers.items(), key=lambda item: (*ORDER, item[0]).index(item[0])):
        parts += [tier] if members <= chosen else sorted(members & chosen)
    return ", ".join(parts)


def _complaints(row: Covered) -> Iterable[str]:
    place = f"{row.row.guide}, {row.row.row}"
    if row.state is State.BUILT:
        yield f"{place}: is built in every stack; remove `not_yet` from its row in constructs/portal/coverage.yaml"
    else:
        for stack, lacking in row.missing.items():
            yield f"{place}: {stack} lacks {', '.join(lacking)}"


def _as_json(row: Covered) -> dict[str, object]:
    return {
        "guide": row.row.guide,
        "row": row.row.row,
        "state": row.state,
        "not_yet": row.row.not_yet,
        "found": row.found,
        "missing": row.missing,
    }

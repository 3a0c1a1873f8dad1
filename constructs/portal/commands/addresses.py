"""`make addresses`: brings the address ledger up to date, unless that would forget data."""

import sys
from argparse import ArgumentParser, Namespace

from portal.addresses import compare, complaints, current, ledger_file, recorded
from portal.synthesis import read_stack, stack_names

NAME = "addresses"
HELP = "Rewrite the ledger of Terraform addresses; refuse while an address that holds data would vanish."
EXAMPLE = "make addresses FORGET=helm_release.platform_database"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--forget",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="an address that holds data and is to be destroyed for good; may be repeated",
    )


def run(options: Namespace) -> int:
    refused: list[str] = []
    written: list[str] = []
    for stack in stack_names():
        document = read_stack(stack)
        change = compare([a for a in recorded(stack) if a not in options.forget], document)
        if change.lost:
            refused += complaints(stack, change)
            continue
        file = ledger_file(stack)
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(current(document)) + "\n", encoding="utf-8")
        written.append(f"{stack}: {len(change.added)} added, {len(change.vanished)} gone")
    # Only now: a reader that goes away must not stop the work half-way.
    print(*written, sep="\n")
    print(*refused, sep="\n", end="\n" if refused else "", file=sys.stderr)
    return 1 if refused else 0

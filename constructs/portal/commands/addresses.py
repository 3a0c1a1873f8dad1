"""`make addresses`: brings the address ledger up to date, unless that would forget data."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from portal.addresses import compare, complaints, current, ledger_file, recorded
from portal.errors import PortalError
from portal.synthesis import read_stack, stack_names

NAME = "addresses"
HELP = "Rewrite the ledger of Terraform addresses; refuse while an address that holds data would vanish."
EXAMPLE = "make addresses FORGET=prod-aws:helm_release.platform_database"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--forget",
        action="append",
        default=[],
        metavar="STACK:ADDRESS",
        help="an address that holds data and is to be destroyed for good; may be repeated",
    )


def run(options: Namespace) -> int:
    documents = {stack: read_stack(stack) for stack in stack_names()}
    if options.forget:
        _check(options.forget, documents)
    refused: list[str] = []
    written: list[str] = []
    for stack, document in documents.items():
        change = compare([a for a in recorded(stack) if f"{stack}:{a}" not in options.forget], document)
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


def _check(forget: Sequence[str], documents: Mapping[str, dict[str, Any]]) -> None:
    """Raises `PortalError` for what nobody would lose: it is misspelled, or still there, or forgotten already."""
    changes = {stack: compare(recorded(stack), document) for stack, document in documents.items()}
    lost = [f"{stack}:{address}" for stack, change in changes.items() for address in change.lost]
    unknown = [each for each in forget if each not in lost]
    if unknown:
        raise PortalError(
            f"Cannot forget {', '.join(unknown)}: no stack would lose it. What would be lost, as STACK:ADDRESS: "
            f"{', '.join(lost) or 'nothing'}. No ledger was written."
        )

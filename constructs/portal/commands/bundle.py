"""`make bundle`: lists what a deploy downloads."""

import json
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from portal.bundle import Item, bundle
from portal.commands.terminal import console
from portal.registries import UNRESOLVED, Registries
from portal.rendering import find_tool
from portal.spec.loader import load_environments
from portal.spec.versions import load_versions
from portal.synthesis import ROOT, read_stack, stack_names

NAME = "bundle"
HELP = "List every chart, image and provider that a deploy downloads, with version and digest."
EXAMPLE = "python -m portal bundle --json > bundle.json"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")


def run(options: Namespace) -> int:
    helm = find_tool("helm")
    environments = load_environments(ROOT / "environments")
    with Console(stderr=True).status("asking registries"):
        items = list(
            dict.fromkeys(
                bundle(
                    versions=load_versions(),
                    layers=[*environments.tiers.values(), environments.local],
                    documents=[read_stack(name) for name in stack_names()],
                    registries=Registries(),
                    helm=helm,
                )
            )
        )
    if options.json:
        print(json.dumps([asdict(item) for item in items], indent=2))
    else:
        console().print(_table(items))
    unresolved = sum(item.digest == UNRESOLVED for item in items)
    if unresolved:
        print(
            f"{unresolved} of {len(items)} are unresolved: their registry is out of reach from here.", file=sys.stderr
        )
    return 0


def _table(items: list[Item]) -> Table:
    table = Table("kind", "name", "version", "source", "digest")
    for item in items:
        table.add_row(item.kind, item.name, item.version, item.source, item.digest)
    return table

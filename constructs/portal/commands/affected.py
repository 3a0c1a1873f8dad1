"""`python -m portal affected`: which stacks a change touches, for workflows that plan only those."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from portal.ci import affected, planned_stacks
from portal.spec.loader import load_environments
from portal.synthesis import OUTPUT, ROOT

NAME = "affected"
HELP = "Compare two syntheses and print, as JSON, the stacks that CI plans and whose plan may differ."
EXAMPLE = "python -m portal affected ../base/cdktf.out/stacks"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("base", type=Path, help="folder of stacks that was synthesized from the other revision")


def run(options: Namespace) -> int:
    planned = planned_stacks(load_environments(ROOT / "environments"))
    print(json.dumps([name for name in affected(options.base, OUTPUT) if name in planned]))
    return 0

"""`make accept`: puts every stack through the real providers."""

from argparse import ArgumentParser, Namespace

from rich.console import Console

from portal.commands.terminal import console
from portal.review.accept import accept
from portal.review.acceptance import as_json, show
from portal.synthesis import OUTPUT

NAME = "accept"
HELP = (
    "Validate, apply against mocks and plan each stack with the real providers, offline and without an account. "
    "Exit code 1: something was refused; 2: a provider is not to be had."
)
EXAMPLE = "make accept STACK=prod-gcp"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="only these stacks (all)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")


def run(options: Namespace) -> int:
    with Console(stderr=True).status("accept") as status:
        report = accept(stacks_folder=OUTPUT, stacks=options.stacks, report=status.update)
    if options.json:
        print(as_json(report))
    else:
        show(report, console())
    return report.exit_code

"""`make accept`: puts every stack through the real providers."""

from argparse import ArgumentParser, Namespace

NAME = "accept"
HELP = "Validate, apply against mocks and plan each stack with the real providers, offline and without an account."
EXAMPLE = "make accept STACK=prod-gcp"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="only these stacks (all)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: Namespace) -> int:
    raise NotImplementedError

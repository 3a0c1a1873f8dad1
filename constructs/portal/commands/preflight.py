"""`make preflight`: says what still stands between a stack and its deploy."""

from argparse import ArgumentParser, Namespace

from portal.errors import PortalError
from portal.preflight import cloud_blockers, layer_blockers
from portal.spec.loader import load_environments
from portal.synthesis import ROOT

NAME = "preflight"
HELP = "List what must be changed in the data before a stack can be deployed; exit 1 if there is anything."
EXAMPLE = "make preflight STACK=prod-aws"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("stack")


def run(options: Namespace) -> int:
    environments = load_environments(ROOT / "environments")
    tier, _, cloud = options.stack.partition("-")
    if options.stack == "local":
        found = list(layer_blockers(environments.local))
    elif tier in environments.tiers and cloud in type(environments.tiers[tier].clouds).model_fields:
        environment = environments.tiers[tier]
        found = [*layer_blockers(environment), *cloud_blockers(environment, cloud)]
    else:
        raise PortalError(f"There is no stack {options.stack}; `cdktf list` prints the names.")
    for blocker in found:
        print(f"environments/{tier}.yaml: {blocker}")
    print(f"{options.stack}: {len(found)} to mend before a deploy" if found else f"{options.stack}: ready")
    return 1 if found else 0

"""`python -m portal login`: as whom a workflow acts on a stack, so that no workflow repeats what the data say."""

from argparse import ArgumentParser, Namespace

from portal.ci import aws_login
from portal.spec.loader import load_environments
from portal.synthesis import ROOT

NAME = "login"
HELP = "Print role and region for a job that plans or deploys a stack, as lines for $GITHUB_OUTPUT."
EXAMPLE = "python -m portal login prod-aws --to deploy"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("stack")
    parser.add_argument("--to", choices=("plan", "deploy"), required=True)


def run(options: Namespace) -> int:
    login = aws_login(load_environments(ROOT / "environments"), stack=options.stack, to=options.to)
    print(f"role={login.role_arn}\nregion={login.region}")
    return 0

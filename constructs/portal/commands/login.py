"""`python -m portal login`: as whom a workflow acts, so that no workflow repeats what the data say."""

from argparse import ArgumentParser, Namespace

from portal.ci import aws_login, image_push
from portal.spec.loader import load_environments
from portal.synthesis import ROOT

NAME = "login"
HELP = "Print role and region for a job that plans or deploys a stack or pushes an image, as lines for $GITHUB_OUTPUT."
EXAMPLE = "python -m portal login prod-aws --to deploy"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="STACK|IMAGE", help="such as prod-aws, or with --to push portal/loadtest")
    parser.add_argument("--to", choices=("plan", "deploy", "push"), required=True)


def run(options: Namespace) -> int:
    environments = load_environments(ROOT / "environments")
    if options.to == "push":
        push = image_push(environments, image=options.what)
        print(f"repository={push.repository}")
        login = push.login
    else:
        login = aws_login(environments, stack=options.what, to=options.to)
    print(f"role={login.role_arn}\nregion={login.region}")
    return 0

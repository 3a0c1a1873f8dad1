"""`make preflight`: says what a stack's deploy needs, and what still stands in its way."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from itertools import chain

from rich.console import Console
from rich.table import Table

from portal.commands.terminal import console
from portal.preflight.addresses import SubnetUse
from portal.preflight.permissions import by_service
from portal.preflight.prerequisites import Prerequisite
from portal.preflight.quotas import Demand
from portal.preflight.report import NOT_DERIVED, AwsNeeds, Report, as_json, report
from portal.spec.loader import load_environments
from portal.synthesis import ROOT, read_stack

NAME = "preflight"
HELP = (
    "Print what a stack's deploy needs, from data and synthesized JSON, without a login: what must be there before, "
    "quotas, IP addresses, IAM actions. Exit 1 if something must be changed first."
)
EXAMPLE = "make preflight STACK=prod-aws"

COLUMNS = 120
"""A job's log and half a screen hold as much."""


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("stack", help="such as prod-aws; only AWS has more than the list of what to change")
    parser.add_argument("--json", action="store_true", help="print JSON; there the IAM actions are by resource type")


def run(options: Namespace) -> int:
    found = report(options.stack, load_environments(ROOT / "environments"), read=read_stack)
    if options.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        _print(found, console(pipe_columns=COLUMNS))
    return 1 if found.blockers else 0


def _print(found: Report, out: Console) -> None:
    """The longest first, so that what has to be done stands last."""
    if found.aws:
        _print_needs(found.aws, out)
    else:
        print(f"{found.stack}: {NOT_DERIVED}")
    for blocker in found.blockers:
        print(blocker)
    count = len(found.blockers)
    print(f"{found.stack}: {count} to mend before a deploy" if count else f"{found.stack}: ready")


def _print_needs(aws: AwsNeeds, out: Console) -> None:
    out.print(_actions(tuple(chain.from_iterable(aws.actions.values()))))
    if aws.subnets:
        out.print("", _subnets(aws.subnets), sep="\n")
    if aws.quotas:
        out.print("", _quotas(aws.quotas), sep="\n")
    for line in (*_requests(aws.quotas), *_list(aws.prerequisites)):
        print(line)


def _list(prerequisites: Sequence[Prerequisite]) -> Iterator[str]:
    """Not a table: it would break commands that are there to be copied."""
    yield "\nMust be there before:"
    for each in prerequisites:
        yield from (f"- {each.what}", f"    {each.check}")
    yield ""


def _quotas(quotas: Sequence[Demand]) -> Table:
    table = Table(title="Quotas, beside those of a new account", title_justify="left", width=COLUMNS)
    for heading in ("service", "code", "quota", "where"):
        table.add_column(heading)
    for heading in ("needs", "new account"):
        table.add_column(heading, justify="right")
    table.add_column("")
    accounts = {demand.place.account for demand in quotas}
    for demand in quotas:
        place = demand.place
        table.add_row(
            demand.quota.service,
            demand.quota.code or "fixed",
            "\n".join(filter(None, (demand.quota.name, demand.reason))),
            place.region if len(accounts) == 1 else f"{place.account} {place.region}",
            str(demand.amount),
            str(demand.quota.default),
            "ABOVE" if demand.above_default else "",
        )
    return table


def _requests(quotas: Sequence[Demand]) -> Iterator[str]:
    """How to see and raise what a new account has too little of; what else runs there comes on top."""
    for demand in quotas:
        if demand.above_default and demand.quota.code:
            of = (
                f"--service-code {demand.quota.service} --quota-code {demand.quota.code} --region {demand.place.region}"
            )
            yield f"aws service-quotas get-service-quota {of} --query Quota.Value"
            yield f"aws service-quotas request-service-quota-increase {of} --desired-value {demand.amount}"


def _subnets(subnets: Sequence[SubnetUse]) -> Table:
    table = Table(title="IP addresses at maximum scale", title_justify="left", width=COLUMNS)
    for heading in ("subnet", "range"):
        table.add_column(heading)
    for heading in ("has", "takes"):
        table.add_column(heading, justify="right")
    table.add_column("by")
    table.add_column("")
    for subnet in subnets:
        table.add_row(
            subnet.name,
            subnet.cidr,
            str(subnet.available),
            str(subnet.needed),
            ", ".join(f"{by} {count}" for by, count in subnet.taken.items()) or "-",
            "TOO SMALL" if subnet.too_small else "",
        )
    return table


def _actions(actions: Sequence[str]) -> Table:
    grouped = by_service(actions)
    count = sum(map(len, grouped.values()))
    table = Table("service", title=f"IAM actions of the deploy: {count}", title_justify="left", width=COLUMNS)
    table.add_column("actions")
    for service, names in grouped.items():
        table.add_row(service, ", ".join(names))
    return table

"""What people and programs read of an acceptance."""

import json
from io import StringIO

from rich.console import Console

from portal.review.accept import AcceptReport, StackResult
from portal.review.acceptance import as_json, show
from portal.review.providers import MissingProvider
from portal.review.refusals import Refusal

REFUSAL = Refusal(
    stage="validate",
    construct="prod-gcp/network/nat/Default",
    address="google_compute_router_nat.network_nat",
    argument="rules.0.match",
    message="expected [A] to be one of [B]\nsecond\nthird\nfourth",
)


def result(stack: str, *, refusals: tuple[Refusal, ...] = (), lacking: tuple[str, ...] = ()) -> StackResult:
    return StackResult(
        stack=stack,
        resources=10,
        accepted=0 if lacking else 10 - len(refusals),
        refusals=refusals,
        not_tried=() if lacking else ("plan of charts in https://charts.example, not reachable: no such host",),
        lacking=lacking,
        seconds=1.25,
    )


REPORT = AcceptReport(
    terraform="1.11.4",
    providers={"google": "6.50.0"},
    missing=(MissingProvider(name="aws", version="6.25.0", reason="could not connect"),),
    stacks=(result("prod-gcp", refusals=(REFUSAL,)), result("local"), result("prod-aws", lacking=("aws",))),
)


def shown(report: AcceptReport) -> str:
    page = StringIO()
    show(report, Console(file=page, width=160))
    return page.getvalue()


def test_a_refusal_is_shown_with_construct_argument_stage_and_message() -> None:
    text = shown(REPORT)
    assert "prod-gcp/network/nat/Default  rules.0.match (validate)" in text
    assert "expected [A] to be one of [B]" in text
    assert "fourth" not in text
    assert "1 more lines with --json" in text


def test_a_missing_provider_is_named_with_its_reason_its_stacks_and_the_way_out() -> None:
    text = shown(REPORT)
    assert "Provider aws 6.25.0: `terraform init` found it nowhere; not tried: prod-aws." in text
    assert "could not connect" in text
    assert "filesystem_mirror" in text


def test_the_way_to_a_mirror_is_only_shown_to_who_needs_it() -> None:
    there = AcceptReport(terraform="1.11.4", providers={}, missing=(), stacks=(result("local"),))
    assert "filesystem_mirror" not in shown(there)


def test_what_could_not_be_tried_is_said_once_for_all_stacks() -> None:
    assert shown(REPORT).count("no such host (prod-gcp, local)") == 1


def test_json_holds_everything_and_the_exit_code() -> None:
    parsed = json.loads(as_json(REPORT))
    assert parsed["exit_code"] == 1
    assert parsed["stacks"][0]["refusals"][0]["message"] == REFUSAL.message
    assert parsed["missing"][0]["name"] == "aws"


def test_the_exit_code_says_refused_then_missing_then_accepted() -> None:
    accepted, refused = result("local"), result("prod-gcp", refusals=(REFUSAL,))
    codes = [
        AcceptReport(terraform="", providers={}, missing=missing, stacks=(stack,)).exit_code
        for missing, stack in (((), accepted), (REPORT.missing, accepted), (REPORT.missing, refused), ((), refused))
    ]
    assert codes == [0, 2, 1, 1]

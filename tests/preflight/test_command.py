"""The command: what it prints, for people and for machines, and how it ends."""

import json

import pytest

from portal import __main__ as cli
from portal.commands import preflight as command
from portal.preflight import report
from portal.preflight.addresses import SubnetUse
from tests.conftest import StackOf

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def synthesized(stack: StackOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "read_stack", lambda name: stack(name).document)


def test_what_is_to_mend_stands_last_with_its_file(capsys: Out) -> None:
    assert cli.main(["preflight", "prod-aws"]) == 1
    *_, before, last = capsys.readouterr().out.splitlines()
    assert before.startswith("environments/prod.yaml: clouds.aws.alarm_emails.0 = ")
    assert last == "prod-aws: 10 to mend before a deploy"


def test_it_prints_quotas_addresses_and_actions(capsys: Out) -> None:
    cli.main(["preflight", "prod-aws"])
    out = capsys.readouterr().out
    for expected in ("L-1216C47A", "ABOVE", "network_pods-a", "100.64.128.0/19", "elasticfilesystem", "PassRole"):
        assert expected in out
    assert "aws service-quotas get-service-quota --service-code ec2 --quota-code L-1216C47A --region eu-west-1" in out


@pytest.mark.parametrize("name", ["prod-aws", "shared-aws"])
def test_tables_are_aligned_within_120_columns(name: str, capsys: Out) -> None:
    cli.main(["preflight", name])
    drawn = [line for line in capsys.readouterr().out.splitlines() if line.startswith(tuple("┏┃┡│└"))]
    assert {len(line) for line in drawn} == {120}


def test_json_has_the_actions_by_resource_type(capsys: Out) -> None:
    assert cli.main(["preflight", "prod-aws", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["stack", "blockers", "prerequisites", "quotas", "subnets", "actions"]
    assert "ec2:CreateVpc" in document["actions"]["aws_vpc"]
    (vcpus,) = [quota for quota in document["quotas"] if quota["code"] == "L-1216C47A"]
    assert vcpus["above_default"]
    assert vcpus["needed"] > vcpus["default"] == 5
    assert all(not subnet["too_small"] for subnet in document["subnets"])


def test_a_subnet_that_is_too_small_stops_the_deploy(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    small = SubnetUse(name="pods", cidr="10.0.0.0/28", zone="eu-west-1a", available=11, taken={"pods": 12})
    monkeypatch.setattr(report, "subnet_uses", lambda stack: [small])
    assert cli.main(["preflight", "prod-aws"]) == 1
    out = capsys.readouterr().out
    assert "TOO SMALL" in out
    assert "prod-aws: 11 to mend before a deploy" in out


@pytest.mark.parametrize("name", ["bootstrap-aws", "shared-aws"])
def test_the_shared_stacks_have_needs_too(name: str, capsys: Out) -> None:
    assert cli.main(["preflight", name]) == 1
    out = capsys.readouterr().out
    assert "environments/shared.yaml: repository = " in out
    assert "CreateRole" in out


def test_other_clouds_say_what_is_not_derived_there(capsys: Out) -> None:
    assert cli.main(["preflight", "prod-gcp"]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "prod-gcp: quotas, IP addresses, permissions and what must be there before are derived for AWS alone\n"
    )
    assert "environments/prod.yaml: portal.frontend.image is an example" in out
    cli.main(["preflight", "prod-gcp", "--json"])
    assert "AWS alone" in json.loads(capsys.readouterr().out)["not_derived"]


def test_the_local_stack_has_its_own_file_and_no_cloud(capsys: Out) -> None:
    assert cli.main(["preflight", "local"]) == 1
    out = capsys.readouterr().out
    assert "environments/local.yaml: portal.frontend.image is an example" in out
    assert "clouds." not in out


def test_nothing_to_mend_is_exit_0(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.setattr(report, "examples", lambda *_: iter(()))
    for name in ("dev-gcp", "prod-aws"):
        assert cli.main(["preflight", name]) == 0
        assert capsys.readouterr().out.endswith(f"{name}: ready\n")


def test_an_unknown_stack_is_wrong_usage(capsys: Out) -> None:
    assert cli.main(["preflight", "prod-moon"]) == 2
    assert capsys.readouterr().err == "There is no stack prod-moon; `cdktf list` prints the names.\n"

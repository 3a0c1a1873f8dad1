"""The address ledger: a resource that holds data does not lose its address unseen."""

from pathlib import Path
from typing import Any

import pytest

from portal import __main__ as cli
from portal.addresses import STATEFUL_TYPES, compare, complaints, current, recorded
from portal.commands import addresses as command
from tests.conftest import StackOf
from tests.kubernetes.test_release import EVERY_STACK


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_ledger_is_current(stack: StackOf, name: str) -> None:
    assert list(complaints(name, compare(recorded(name), stack(name).document))) == []


@pytest.mark.parametrize("name", EVERY_STACK)
def test_addresses_are_construct_paths(stack: StackOf, name: str) -> None:
    for resource in stack(name).resources.values():
        parts = [part for part in resource.path.split("/")[1:] if part != "Default"]
        assert resource.address == f"{resource.type}.{'_'.join(parts)}"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_whatever_terraform_may_not_destroy_counts_as_stateful(stack: StackOf, name: str) -> None:
    for resource in stack(name).resources.values():
        if (resource.get("lifecycle") or {}).get("prevent_destroy"):
            assert resource.type in STATEFUL_TYPES, resource.address


def document(*addresses: str, moved: list[dict[str, str]] | None = None) -> dict[str, Any]:
    resource: dict[str, dict[str, Any]] = {}
    for address in addresses:
        type, _, name = address.partition(".")
        resource.setdefault(type, {})[name] = {"//": {"metadata": {"path": f"stack/{name}"}}}
    return {"resource": resource, **({"moved": moved} if moved else {})}


def test_a_lost_store_is_named_with_both_ways_out() -> None:
    change = compare(["aws_kms_key.old", "aws_route.gone"], document("aws_kms_key.new"))
    assert change.lost == ("aws_kms_key.old",)
    lines = list(complaints("prod-aws", change))
    assert "record the move in constructs/portal/moves.yaml" in lines[0]
    assert "make addresses FORGET=prod-aws:aws_kms_key.old" in lines[0]
    assert lines[1:] == [
        "prod-aws: aws_route.gone is gone; if that is meant, run: make addresses",
        "prod-aws: aws_kms_key.new is new; run: make addresses",
    ]


def test_a_moved_store_is_not_lost() -> None:
    moved = [{"from": "aws_kms_key.old", "to": "aws_kms_key.new"}]
    assert compare(["aws_kms_key.old"], document("aws_kms_key.new", moved=moved)).lost == ()


@pytest.fixture
def ledger(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A ledger of one stack, `here`, whose synthesis has lost a key."""
    monkeypatch.setattr(command, "stack_names", lambda: ["here"])
    monkeypatch.setattr(command, "read_stack", lambda _: document("aws_route.a"))
    monkeypatch.setattr(command, "recorded", lambda name: recorded(name, tmp_path))
    monkeypatch.setattr(command, "ledger_file", lambda name: tmp_path / f"{name}.txt")
    (tmp_path / "here.txt").write_text("aws_kms_key.precious\naws_route.a\n")
    return tmp_path / "here.txt"


def test_the_command_does_not_forget_data(ledger: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["addresses"]) == 1
    assert "aws_kms_key.precious holds data" in capsys.readouterr().err
    assert "aws_kms_key.precious" in ledger.read_text()


def test_the_command_forgets_what_it_is_told_to(ledger: Any) -> None:
    assert cli.main(["addresses", "--forget", "here:aws_kms_key.precious"]) == 0
    assert ledger.read_text() == "aws_route.a\n"


@pytest.mark.parametrize(
    "unknown",
    [
        "aws_kms_key.precious",
        "there:aws_kms_key.precious",
        "here:aws_kms_key.precius",
        "here:aws_route.a",
        "",
    ],
    ids=["no stack", "another stack", "misspelt", "still there", "empty"],
)
def test_what_nobody_loses_is_not_forgotten_and_nothing_is_written(
    unknown: str, ledger: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ledger.read_text()
    assert cli.main(["addresses", "--forget", "here:aws_kms_key.precious", "--forget", unknown]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Cannot forget {unknown}: ")
    assert "as STACK:ADDRESS: here:aws_kms_key.precious." in error
    assert ledger.read_text() == before


def test_addresses_of_a_stack_are_sorted() -> None:
    assert current(document("b_b.x", "a_a.y")) == ["a_a.y", "b_b.x"]


def test_logs_and_releases_count_as_data_though_terraform_may_destroy_them() -> None:
    for type in ("aws_cloudwatch_log_group", "azurerm_log_analytics_workspace", "helm_release"):
        assert compare([f"{type}.old"], document()).lost == (f"{type}.old",)


def test_the_command_goes_on_with_the_other_stacks_and_forgets_only_what_it_is_told_to(
    ledger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "stack_names", lambda: ["here", "there"])
    (tmp_path / "there.txt").write_text("aws_kms_key.precious\n")
    assert cli.main(["addresses", "--forget", "there:aws_kms_key.precious"]) == 1
    assert (tmp_path / "there.txt").read_text() == "aws_route.a\n"
    assert "aws_kms_key.precious" in ledger.read_text()

"""From a line of Terraform's complaint to the construct and the argument."""

from pathlib import Path
from typing import Any

from portal.review.refusals import Refusal, Source
from tests.review.documents import small_stack

FOLDER = Path("/somewhere/small")
SOURCE = Source(
    small_stack(
        {
            "network": ("google_compute_network", {"name": "main"}),
            "network/nat": (
                "google_compute_router_nat",
                {"rules": [{"number": 1}, {"number": 2, "match": ["x", "wrong value"]}], "log_config": {"filter": "?"}},
            ),
        },
        providers={"helm": [{"kubernetes": {"host": "bad host"}}]},
        output={"last": {"value": "a value"}},
    )
)


def refusal_at(text: str, **fields: Any) -> Refusal:
    """The refusal that Terraform would report on the line of the document that holds `text`."""
    (line,) = (number for number, content in enumerate(SOURCE.text.splitlines(), 1) if text in content)
    place = {"filename": "cdk.tf.json", "start": {"line": line}}
    return SOURCE.refusal("validate", {"summary": "wrong", "range": place, **fields}, FOLDER)


def test_a_line_leads_to_the_construct_and_through_lists_to_the_argument() -> None:
    refusal = refusal_at("wrong value")
    assert refusal.construct == "small/network/nat/Default"
    assert refusal.address == "google_compute_router_nat.network_nat"
    assert refusal.argument == "rules.1.match.1"


def test_an_argument_after_a_list_is_not_taken_for_a_part_of_it() -> None:
    assert refusal_at('"filter": "?"').argument == "log_config.filter"


def test_the_closing_line_of_a_block_stands_for_the_block() -> None:
    (last,) = (number for number, line in enumerate(SOURCE.text.splitlines(), 1) if '"filter": "?"' in line)
    place = {"filename": "cdk.tf.json", "start": {"line": last + 1}}
    refusal = SOURCE.refusal("validate", {"summary": "incomplete", "range": place}, FOLDER)
    assert (refusal.construct, refusal.argument) == ("small/network/nat/Default", "log_config")


def test_a_block_without_construct_is_named_itself() -> None:
    assert refusal_at("bad host").construct == "provider.helm"
    assert refusal_at("a value").construct == "output.last"


def test_a_cycle_is_told_of_the_first_construct_that_it_names() -> None:
    refusal = SOURCE.refusal("validate", {"summary": "Cycle: google_compute_router_nat.network_nat, x_y.z"}, FOLDER)
    assert refusal.construct == "small/network/nat/Default"


def test_an_address_is_not_found_in_a_longer_one() -> None:
    refusal = SOURCE.refusal("validate", {"summary": "Cycle: google_compute_network.network-b"}, FOLDER)
    assert refusal.construct == ""


def test_the_temporary_folder_is_not_in_the_message() -> None:
    refusal = refusal_at("wrong value", detail=f"no chart at {FOLDER}/assets/chart\n\n  try again")
    assert refusal.message == "wrong: no chart at assets/chart\ntry again"

"""What is asked for, in our terms: read once, and refused before anything is started where it cannot be."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from loadtest.options import BadOptions, is_address, read

HOST = "http://127.0.0.1:9"
NOTHING = {
    "profile": "steady",
    "arrivals": "closed",
    "rate": None,
    "seed": 0,
    "num_users": None,
    "spawn_rate": None,
    "run_time": None,
    "slo": None,
    "autoscaling": None,
    "calibration": None,
    "baseline": None,
}


def parsed(**given: Any) -> Namespace:
    return Namespace(**NOTHING | given)


def most_users(**given: Any) -> int | None:
    return read(parsed(**given)).plan(HOST).phases[-1].users


def test_users_are_as_many_as_are_asked_for() -> None:
    assert most_users() == 10
    assert most_users(num_users=1) == 1
    assert most_users(num_users=7) == 7
    assert most_users(profile=None, num_users=7) == 7


def test_the_web_uis_form_says_1_where_nothing_is_asked_for() -> None:
    assert read(parsed(num_users=1), of_form=True).plan(HOST).phases[-1].users == 10


def test_locusts_own_default_of_one_user_is_not_what_was_asked_for() -> None:
    given = parsed()
    options = read(given)
    given.num_users = 1
    assert options.plan(HOST).phases[-1].users == 10


@pytest.mark.parametrize(
    ("host", "given", "said"),
    [
        (HOST, {"num_users": 0}, "users = 0: nobody would come"),
        (HOST, {"num_users": -5, "profile": None}, "users = -5: nobody would come"),
        (HOST, {"run_time": 0}, "run-time = 0 s: nothing would be sent"),
        ("", {}, "host = '' is no address"),
        ("portal.staging.example.com", {}, "is no address; give one such as https://"),
    ],
)
def test_what_no_run_could_come_of_is_refused(host: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOptions, match=said):
        read(parsed(**given)).plan(host)


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("https://portal.example.com", True),
        ("http://127.0.0.1:7007/portal", True),
        ("http://[::1]:7007", True),
        ("ftp://portal.example.com", False),
        ("127.0.0.1:7007", False),
        ("http://", False),
        ("http://portal:99999", False),
        ("http://portal:0", False),
        ("http://[::1", False),
    ],
)
def test_an_address_is_one_that_requests_can_be_sent_to(host: str, fits: bool) -> None:
    assert is_address(host) is fits


def test_a_file_that_is_edited_in_the_run_changes_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text("objectives: [{name: all, latency_ms: {p95: 200}}]")
    options = read(parsed(slo=str(file)))
    before = options.objectives
    file.write_text("objectives: [{name: all, latency_ms: {p95: 9000}}]")
    assert options.objectives == before
    assert read(parsed(slo=str(file))).objectives != before
    file.unlink()
    assert options.objectives == before
    with pytest.raises(BadOptions, match="No such file"):
        read(parsed(slo=str(file)))


def test_a_search_goes_as_high_as_the_generators_cores_and_not_the_masters() -> None:
    options = read(parsed(profile="breakpoint", arrivals="poisson"))
    searches = [options.plan(HOST, cores=cores).search for cores in (0.5, 3)]
    assert [search and search.most_rps for search in searches] == [1500, 9000]

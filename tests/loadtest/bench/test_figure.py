"""A figure knows whether it is within its limit, and says so in words."""

import pytest

from loadtest.bench.figure import Figure, number


def figure(measured: float | None, *, at_most: float | None = None, at_least: float | None = None) -> Figure:
    return Figure(what="something", measured=measured, unit="ms", at_most=at_most, at_least=at_least)


@pytest.mark.parametrize(
    ("measured", "limit", "judgement"),
    [
        (10, {"at_most": 10}, "ok"),
        (10.01, {"at_most": 10}, "too slow"),
        (1000, {"at_least": 1000}, "ok"),
        (999, {"at_least": 1000}, "too slow"),
        (12, {}, ""),
        (None, {}, ""),
    ],
)
def test_at_the_limit_is_within_it(measured: float | None, limit: dict[str, float], judgement: str) -> None:
    assert figure(measured, **limit).judgement() == judgement


def test_what_was_not_measured_keeps_no_promise() -> None:
    assert figure(None, at_most=10).kept is False
    assert figure(None).told() == "-"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(36213.4, "36,213"), (999.6, "1,000"), (99.94, "99.9"), (3.118, "3.12"), (0, "0"), (-1.2, "-1.2")],
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_limit_is_told_with_its_unit() -> None:
    assert figure(1, at_most=10).limit() == "at most 10 ms"
    assert figure(1, at_least=1000).limit() == "at least 1,000 ms"
    assert figure(1).limit() == ""

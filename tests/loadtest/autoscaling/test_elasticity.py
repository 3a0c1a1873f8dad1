"""The elasticity metrics are what their paper defines."""

import pytest

from loadtest.autoscaling.elasticity import Elasticity, Gates, demand, measure


def of(wanted: list[float], had: list[float]) -> Elasticity:
    seconds = range(len(wanted))
    return measure(
        demand=list(zip(seconds, wanted, strict=True)),
        supply=list(zip(seconds, had, strict=True)),
        start=0,
        end=len(wanted),
        step_seconds=1,
    )


def test_a_perfect_autoscaler_scores_zero_throughout() -> None:
    assert of([3, 5, 9, 4], [3, 5, 9, 4]) == Elasticity(
        under_provisioning_percent=0,
        over_provisioning_percent=0,
        under_provisioned_time_percent=0,
        over_provisioned_time_percent=0,
        instability_percent=0,
    )


def test_too_little_and_too_much_are_told_apart() -> None:
    got = of([4, 4, 4, 4], [3, 3, 4, 8])
    assert got.under_provisioning_percent == pytest.approx(100 * (0.25 + 0.25) / 4)
    assert got.over_provisioning_percent == pytest.approx(100 * 1.0 / 4)
    assert (got.under_provisioned_time_percent, got.over_provisioned_time_percent) == (50, 25)


def test_instability_counts_supply_that_moves_where_demand_does_not() -> None:
    assert of([4, 4, 4, 4, 4], [4, 5, 4, 5, 5]).instability_percent == pytest.approx(75)
    assert of([4, 5, 6, 7, 7], [4, 5, 6, 7, 7]).instability_percent == 0


def test_a_value_holds_until_the_next_one() -> None:
    got = measure(demand=[(0, 2), (5, 4)], supply=[(0, 2), (8, 4)], start=0, end=10, step_seconds=1)
    assert got.under_provisioned_time_percent == 30
    assert got.under_provisioning_percent == pytest.approx(15)


def test_demand_is_the_fewest_replicas_that_carry_the_rate_whatever_the_maximum_is() -> None:
    assert demand([(0, 0), (10, 101), (20, 799)], rps_per_replica=20, least=3) == [(0, 3), (10, 6), (20, 40)]


def test_gates_let_through_what_is_at_their_limit() -> None:
    measured = of([4, 4, 4, 4], [3, 3, 4, 8])
    assert Gates(under_provisioned_time_percent=50).exceeded(measured) == ()
    assert Gates(under_provisioned_time_percent=49, instability_percent=100).exceeded(measured) == (
        ("under_provisioned_time_percent", 50, 49),
    )


def test_no_time_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="at least two steps of time"):
        of([4], [4])

"""Steps are such that the autoscaler follows each, or are refused with the reason."""

from dataclasses import replace

import pytest

from loadtest.autoscaling.steps import (
    Calibration,
    Infeasible,
    default_counts,
    plan,
    rate_for,
    resting_count,
    resting_limit_percent,
    settled,
)
from tests.loadtest.autoscaling.objects import CONTROLLER, SPEC

# A pod of 1 CPU that idles at 5 % and needs 10 millicores for a request a second.
CALIBRATION = Calibration(resource="cpu", request_milli=1000, idle_milli=50, milli_per_rps=10)
IDLE = {"cpu": 5.0, "memory": 30.0}


@pytest.mark.parametrize(("idle_memory", "rests_at"), [(59, 3), (61, 4), (68, 6), (70, 7), (71, 8), (72, 20), (95, 20)])
def test_idle_memory_decides_where_the_guides_autoscaler_rests(idle_memory: float, rests_at: int) -> None:
    assert resting_count(SPEC, {"cpu": 5.0, "memory": idle_memory}, controller=CONTROLLER) == rests_at


def test_the_resting_limit_is_the_nearer_of_rounding_and_tolerance() -> None:
    cpu, memory = SPEC.metrics
    assert resting_limit_percent(cpu, SPEC, CONTROLLER) == 52.5
    assert resting_limit_percent(memory, SPEC, CONTROLLER) == 60
    many = replace(SPEC, min_replicas=12)
    assert resting_limit_percent(memory, many, CONTROLLER) == pytest.approx(72)


def test_the_limit_of_every_minimum_is_where_resting_begins() -> None:
    for minimum in range(1, 15):
        spec = replace(SPEC, min_replicas=minimum, metrics=SPEC.metrics[1:])
        limit = resting_limit_percent(spec.metrics[0], spec, CONTROLLER)
        whole = [
            percent
            for percent in range(100)
            if resting_count(spec, {"memory": percent}, controller=CONTROLLER) == minimum
        ]
        assert abs(max(whole) - limit) <= 1, minimum


def test_a_step_asks_for_half_a_pod_less() -> None:
    lean = replace(CALIBRATION, idle_milli=0)
    rate = rate_for(7, SPEC, lean, running=3, controller=CONTROLLER)
    assert rate is not None
    assert rate * 10 / 700 == pytest.approx(6.5, abs=0.1)


def test_a_step_to_the_maximum_is_also_reached_by_an_autoscaler_that_saw_a_part_of_it_first() -> None:
    """It stops on the way, and what is then missing lies within the tolerance."""
    rate = rate_for(20, SPEC, CALIBRATION, running=10, controller=CONTROLLER)
    assert rate is not None
    for start in range(10, 20):
        assert settled(SPEC, CALIBRATION, rate_rps=rate, replicas=start, controller=CONTROLLER)[0] == 20, start


def test_each_step_of_the_plan_settles_where_it_aims() -> None:
    steps = plan(SPEC, CALIBRATION, idle_percent=IDLE, controller=CONTROLLER, hold_seconds=60)
    assert [step.replicas for step in steps] == [5, 10, 20, 3]
    replicas = 3
    for step in steps:
        replicas, seconds = settled(SPEC, CALIBRATION, rate_rps=step.rate_rps, replicas=replicas, controller=CONTROLLER)
        assert replicas == step.replicas
        assert step.hold_seconds >= seconds + 60
    assert steps[-1].rate_rps == 0
    # The way back takes as long as the guide's rules make it.
    assert steps[-1].hold_seconds > 945


def test_a_step_that_tolerance_swallows_is_refused() -> None:
    with pytest.raises(Infeasible, match="no rate takes it from 9 to 10 replicas"):
        plan(SPEC, CALIBRATION, idle_percent=IDLE, controller=CONTROLLER, hold_seconds=60, counts=[9, 10])


def test_a_step_without_room_for_noise_is_refused() -> None:
    lean = replace(CALIBRATION, idle_milli=0)
    # Between 6.6 and 7.0 replicas' worth of load only, where six are at the edge of their tolerance.
    assert rate_for(7, SPEC, lean, running=6, controller=CONTROLLER) is None
    assert rate_for(7, SPEC, lean, running=5, controller=CONTROLLER) is not None


def test_a_finer_tolerance_lets_the_same_step_through() -> None:
    assert SPEC.behavior is not None
    behavior = replace(SPEC.behavior, up=replace(SPEC.behavior.up, tolerance=0.01))
    fine = replace(SPEC, behavior=behavior)
    steps = plan(fine, CALIBRATION, idle_percent=IDLE, controller=CONTROLLER, hold_seconds=60, counts=[9, 10])
    assert [step.replicas for step in steps] == [9, 10, 3]


def test_idle_memory_that_cannot_rest_is_refused_with_where_it_would() -> None:
    with pytest.raises(Infeasible) as refused:
        plan(SPEC, CALIBRATION, idle_percent={"cpu": 5, "memory": 70}, controller=CONTROLLER, hold_seconds=60)
    assert "idle memory is 70 % of its request" in str(refused.value)
    assert "rest at 7" in str(refused.value)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(Infeasible) as refused:
        plan(SPEC, CALIBRATION, idle_percent={"memory": 70}, controller=CONTROLLER, hold_seconds=60, counts=[2, 40])
    assert len(refused.value.reasons) == 4


@pytest.mark.parametrize(
    ("low", "high", "counts"), [(3, 20, (5, 10, 20)), (6, 12, (12,)), (1, 2, (2,)), (3, 12, (6, 12))]
)
def test_the_steps_double_up_to_the_maximum(low: int, high: int, counts: tuple[int, ...]) -> None:
    assert default_counts(replace(SPEC, min_replicas=low, max_replicas=high)) == counts

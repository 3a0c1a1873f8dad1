"""Profiles as plans: whole, in order, and as long as asked for."""

from itertools import pairwise

import pytest

from loadtest.autoscaling.steps import Step
from loadtest.shapes.profiles import PROFILES, custom, named, stepped


@pytest.mark.parametrize("name", PROFILES)
def test_phases_fill_the_run_without_gap_and_end_when_it_does(name: str) -> None:
    plan = named(name, seconds=97)
    assert plan.phases[0].start_seconds == 0
    assert plan.end_seconds == 97
    for before, after in pairwise(plan.phases):
        assert before.end_seconds == after.start_seconds
        assert after.end_seconds is not None
        assert after.end_seconds > after.start_seconds


@pytest.mark.parametrize("name", PROFILES)
def test_shares_of_time_make_a_whole(name: str) -> None:
    assert sum(stretch.time_share for stretch in PROFILES[name].stretches) == pytest.approx(1)
    assert max(stretch.load_share for stretch in PROFILES[name].stretches) == 1


@pytest.mark.parametrize("name", PROFILES)
def test_each_begins_with_a_warm_up_and_has_a_steady_phase(name: str) -> None:
    names = [phase.name for phase in named(name).phases]
    assert names[0] == "warm-up"
    assert "steady" in names


def test_a_rate_is_the_highest_of_the_profile() -> None:
    assert max(phase.offered_rps or 0 for phase in named("spike", rate_rps=40).phases) == 40


def test_the_closed_model_has_users_and_no_rate() -> None:
    plan = named("steady", arrivals="closed", users=30)
    assert plan.model == "closed"
    assert [(phase.users, phase.offered_rps) for phase in plan.phases] == [(15, None), (30, None)]


def test_users_are_enough_for_a_target_that_stands_still_for_a_while() -> None:
    assert named("steady", rate_rps=100).phases[-1].users == 1000
    assert named("steady", rate_rps=100, users=7).phases[-1].users == 7


def test_without_a_profile_locusts_own_options_decide() -> None:
    plan = custom(users=10, spawn_rate=2, seconds=None)
    assert [(phase.name, phase.start_seconds, phase.end_seconds) for phase in plan.phases] == [
        ("ramp", 0, 5),
        ("steady", 5, None),
    ]
    assert [phase.name for phase in custom(users=10, spawn_rate=2, seconds=3).phases] == ["ramp"]


def test_steps_for_an_autoscaler_keep_what_each_aims_at() -> None:
    plan = stepped(
        [Step(replicas=6, rate_rps=100, hold_seconds=60), Step(replicas=3, rate_rps=0, hold_seconds=900)],
        arrivals="constant",
        users=None,
        seed=1,
    )
    assert [(p.name, p.replicas, p.start_seconds, p.end_seconds) for p in plan.phases] == [
        ("transient", 6, 0, 60),
        ("cool-down", 3, 60, 960),
    ]

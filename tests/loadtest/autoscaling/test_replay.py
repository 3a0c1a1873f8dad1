"""The replay decides as the controller's documentation and source say, case by case and in every case."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.autoscaling.replay import (
    Decision,
    History,
    Observation,
    course,
    decide,
    down_limit,
    proposal,
    recommend,
    stabilize,
    up_limit,
)
from loadtest.autoscaling.spec import Behavior, Controller, HpaSpec, Metric, Policy, Rules, Select
from tests.loadtest.autoscaling.objects import CONTROLLER, SPEC, changed, pod, seen, usage

CPU = SPEC.metrics[0]


def cpu_proposal(observation: Observation, spec: HpaSpec = SPEC, metric: Metric = CPU) -> int:
    return proposal(metric, spec, observation, controller=CONTROLLER)


@pytest.mark.parametrize(
    ("percents", "replicas"),
    [
        # Within tolerance of 70: 63 to 77 change nothing.
        ([63.0] * 4, 4),
        ([77.0] * 4, 4),
        # One percent further does, and the result is rounded up.
        ([62.0] * 4, 4),
        ([78.0] * 4, 5),
        ([30.0] * 10, 5),
        # Use is floored to whole percent of the sum, pod by pod it may differ.
        ([77.9] * 4, 4),
        ([150.0, 50.0, 40.0, 40.0], 4),
        ([300.0] * 3, 13),
    ],
)
def test_ready_pods_alone(percents: list[float], replicas: int) -> None:
    assert cpu_proposal(seen(percents)) == replicas


def test_ready_pods_count_not_the_replicas_asked_for() -> None:
    assert cpu_proposal(seen([140.0] * 3, replicas=5)) == 6


@pytest.mark.parametrize(
    ("others", "lost", "replicas"),
    [
        # Upwards the missing are taken as idle: (4 * 140 + 0) / 5 = 112 % -> 1.6 * 5 = 8.
        (140.0, 1, 8),
        # (4 * 85 + 0) / 5 = 68 %: the direction would flip, so nothing happens.
        (85.0, 1, 5),
        # Downwards as using all they asked for: (4 * 20 + 100) / 5 = 36 % -> 3.
        (20.0, 1, 3),
        # (2 * 20 + 3 * 100) / 5 = 68 %: within tolerance.
        (20.0, 3, 5),
    ],
)
def test_pods_without_metrics_hold_back(others: float, lost: int, replicas: int) -> None:
    whole = seen([others] * 5)
    assert whole.usage is not None
    kept = {name: use for name, use in whole.usage.items() if int(name[-1]) >= lost}
    assert cpu_proposal(replace(whole, usage=kept)) == replicas


def test_missing_pods_count_for_a_target_above_100_percent_by_that_target() -> None:
    whole = seen([20.0] * 4)
    assert whole.usage is not None
    kept = {name: use for name, use in whole.usage.items() if name != "pod-0"}
    # (3 * 20 + 150) / 4 = 52 % of 150 -> ceil(0.3467 * 4) = 2
    assert cpu_proposal(replace(whole, usage=kept), metric=Metric(resource="cpu", target_percent=150)) == 2


@pytest.mark.parametrize("state", ["pending", "unready", "no condition", "no start time", "sample before ready"])
def test_starting_pods_count_nothing_when_it_goes_up(state: str) -> None:
    young: dict[str, Any] = {"started_at": -60.0, "ready_changed_at": -50.0}
    starting = {
        "pending": pod("new", phase="Pending"),
        "unready": pod("new", ready=False, **young),
        "no condition": pod("new", ready=None, **young),
        "no start time": pod("new", started_at=None),
        # Ready since 10 s, but the sample's window of 30 s began before that.
        "sample before ready": pod("new", started_at=-60.0, ready_changed_at=-10.0),
    }[state]
    base = seen([100.0] * 3)
    observation = replace(
        base, replicas=4, pods=[*base.pods, starting], usage={**(base.usage or {}), "new": usage(300.0)}
    )
    # (3 * 100 + 0) / 4 = 75 %: within tolerance of 70.
    assert cpu_proposal(observation) == 4


@pytest.mark.parametrize(
    ("started_at", "ready", "changed_at", "unready"),
    [
        (-299.0, False, -200.0, True),
        (-299.0, True, -31.0, False),
        (-299.0, True, -29.0, True),
        # After the first five minutes only a pod that has never been ready.
        (-301.0, False, -200.0, False),
        (-301.0, False, -290.0, True),
        (-301.0, True, -1.0, False),
    ],
)
def test_the_first_five_minutes_of_a_pod(started_at: float, ready: bool, changed_at: float, unready: bool) -> None:
    base = seen([100.0] * 3)
    new = pod("new", started_at=started_at, ready=ready, ready_changed_at=changed_at)
    observation = replace(base, replicas=4, pods=[*base.pods, new], usage={**(base.usage or {}), "new": usage(300.0)})
    # Counted: (300 + 300) / 4 = 150 % -> 9. Not counted: 75 % with it as idle -> held at 4.
    assert cpu_proposal(observation) == (4 if unready else 9)


def test_memory_counts_from_the_first_second() -> None:
    base = seen([50.0] * 3)
    new = pod("new", ready=False, started_at=-5.0, ready_changed_at=-5.0)
    observation = replace(
        base, replicas=4, pods=[*base.pods, new], usage={**(base.usage or {}), "new": usage(0, memory_percent=400)}
    )
    memory = proposal(SPEC.metrics[1], SPEC, observation, controller=CONTROLLER)
    # (3 * 30 + 400) / 4 = 122 % of 80 -> ceil(1.525 * 4)
    assert memory == 7


def test_pending_pods_do_not_hold_back_going_down_as_lost_metrics_do() -> None:
    base = seen([20.0] * 4)
    observation = replace(base, replicas=5, pods=[*base.pods, pod("new", phase="Pending")])
    # 20 % of 70 over the four; the fifth as missing would make it (4 * 20 + 100) / 5 = 36 % -> 3.
    assert cpu_proposal(observation) == 2


def test_fewer_pods_than_replicas_never_turn_a_rise_into_a_fall() -> None:
    base = seen([140.0] * 3)
    observation = replace(base, replicas=10, pods=[*base.pods, pod("new", phase="Pending")])
    # (3 * 140 + 0) / 4 = 105 % -> 6 of the pods that are there, but 10 are on their way.
    assert cpu_proposal(observation) == 10


@pytest.mark.parametrize("gone", [{"deleted": True}, {"phase": "Failed"}])
def test_pods_on_their_way_out_are_ignored(gone: dict[str, Any]) -> None:
    base = seen([140.0] * 3)
    observation = replace(
        base, pods=[*base.pods, pod("old", **gone)], usage={**(base.usage or {}), "old": usage(1000.0)}
    )
    assert cpu_proposal(observation) == 6


def test_the_metric_that_asks_for_most_wins() -> None:
    observation = seen([20.0] * 4)
    hungry = {name: usage(20.0, memory_percent=160) for name in observation.usage or {}}
    assert recommend(SPEC, replace(observation, usage=hungry), controller=CONTROLLER) == 8


def without_memory(observation: Observation) -> Observation:
    kept = {
        name: replace(use, containers={"app": {"cpu": use.containers["app"]["cpu"]}})
        for name, use in (observation.usage or {}).items()
    }
    return replace(observation, usage=kept)


def test_a_metric_in_error_blocks_going_down_but_not_up() -> None:
    assert recommend(SPEC, without_memory(seen([20.0] * 4)), controller=CONTROLLER) is None
    assert recommend(SPEC, without_memory(seen([140.0] * 4)), controller=CONTROLLER) == 8


@pytest.mark.parametrize("usages", [None, {}])
def test_without_metrics_nothing_moves(usages: dict[str, Any] | None) -> None:
    decision = decide(SPEC, replace(seen([140.0] * 4), usage=usages), History(), controller=CONTROLLER)
    assert (decision.desired, decision.recommended, decision.why) == (4, None, "no-metrics")


def test_a_pod_without_a_request_makes_the_metric_unusable() -> None:
    base = seen([140.0] * 3)
    bare = pod("bare", requests={"app": {}})
    assert recommend(SPEC, replace(base, pods=[*base.pods, bare]), controller=CONTROLLER) is None


def test_one_container_can_be_what_counts() -> None:
    spec = HpaSpec.from_api(
        changed(
            metrics=[
                {
                    "type": "ContainerResource",
                    "containerResource": {
                        "name": "cpu",
                        "container": "app",
                        "target": {"type": "Utilization", "averageUtilization": 70},
                    },
                }
            ]
        )
    )
    both = {"app": {"cpu": 1000}, "proxy": {"cpu": 100}}
    observation = Observation(
        at=0,
        replicas=2,
        pods=[pod("a", requests=both), pod("b", requests=both)],
        usage={name: usage(0, containers={"app": {"cpu": 1400}, "proxy": {"cpu": 9000}}) for name in ("a", "b")},
    )
    assert cpu_proposal(observation, spec, spec.metrics[0]) == 4


def test_a_replica_count_outside_the_bounds_is_brought_back_without_asking_the_metrics() -> None:
    assert decide(SPEC, seen([10.0] * 25), History(), controller=CONTROLLER).desired == 20
    assert decide(SPEC, seen([10.0] * 2), History(), controller=CONTROLLER).desired == 3
    assert decide(SPEC, seen([], replicas=0), History(), controller=CONTROLLER).why == "off"


def replicas_over_time(spec: HpaSpec, *, replicas: int, recommended: int) -> list[tuple[float, int]]:
    return list(course(spec, replicas=replicas, recommend_at=lambda _: recommended, controller=CONTROLLER))


def test_the_guides_autoscaler_is_up_in_30_seconds() -> None:
    assert replicas_over_time(SPEC, replicas=3, recommended=40) == [(15, 7), (30, 14), (45, 20)]


def test_the_guides_autoscaler_needs_a_quarter_of_an_hour_to_come_down() -> None:
    changes = replicas_over_time(SPEC, replicas=20, recommended=1)
    assert [count for _, count in changes] == [18, 16, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3]
    assert changes[0][0] == 300
    assert 945 <= changes[-1][0] <= 970


def test_without_behavior_it_doubles_and_comes_down_at_once_after_five_minutes() -> None:
    spec = HpaSpec.from_api(changed(behavior=None))
    assert replicas_over_time(spec, replicas=3, recommended=40) == [(15, 6), (30, 12), (45, 20)]
    assert replicas_over_time(spec, replicas=20, recommended=1) == [(315, 3)]


def test_one_replica_may_become_four_without_behavior() -> None:
    spec = replace(SPEC, behavior=None, min_replicas=1)
    assert up_limit(spec, 0, 1, History()) == 4


def ruled(*policies: Policy, select: Select = "Max", window: int = 0) -> HpaSpec:
    rules = Rules(policies=policies, select=select, stabilization_seconds=window)
    return replace(SPEC, behavior=Behavior(up=rules, down=rules), min_replicas=1, max_replicas=100)


PODS_4 = Policy(kind="Pods", value=4, period_seconds=60)
HALF = Policy(kind="Percent", value=50, period_seconds=60)


@pytest.mark.parametrize(("select", "up", "down"), [("Max", 15, 5), ("Min", 14, 6), ("Disabled", 10, 10)])
def test_policies_are_selected_between(select: Select, up: int, down: int) -> None:
    spec = ruled(PODS_4, HALF, select=select)
    assert up_limit(spec, 0, 10, History()) == up
    assert down_limit(spec, 0, 10, History()) == down


def test_rates_are_reckoned_from_the_start_of_their_period() -> None:
    history = History(added=((-100, 50), (-30, 3)), removed=((-59, 1),))
    # 10 now; 60 s ago it was 10 - 3 + 1 = 8, so 4 more make 12.
    assert up_limit(ruled(PODS_4), 0, 10, history) == 12
    assert down_limit(ruled(PODS_4), 0, 10, history) == 4
    # What is used up gives nothing, and takes nothing back.
    assert up_limit(ruled(PODS_4), 0, 10, History(added=((-1, 9),))) == 10


def test_a_change_is_forgotten_when_its_own_direction_needs_it_no_more() -> None:
    short, long = Policy(kind="Pods", value=2, period_seconds=3), Policy(kind="Pods", value=4, period_seconds=60)
    up, down = Rules(policies=(long,), stabilization_seconds=0), Rules(policies=(short,), stabilization_seconds=0)
    spec = replace(ruled(long), behavior=Behavior(up=up, down=down))
    removed = History().changed(spec, at=0, by=-2).changed(spec, at=10, by=-1)
    # Both are within the 60 s of the rates upwards, but the second took the place of the first.
    assert removed.removed == ((10, 1),)
    assert up_limit(spec, 12, 10, removed) == 10 + 1 + 4
    added = History().changed(spec, at=0, by=2).changed(spec, at=10, by=1)
    assert added.added == ((0, 2), (10, 1))
    assert History().changed(replace(spec, behavior=None), at=0, by=2) == History()


def test_percentages_round_up_going_up_and_down_going_down() -> None:
    one = Policy(kind="Percent", value=1, period_seconds=60)
    assert up_limit(ruled(one), 0, 10, History()) == 11
    assert down_limit(ruled(one), 0, 10, History()) == 9


def test_the_windows_keep_between_the_lowest_and_the_highest_of_late() -> None:
    spec = ruled(PODS_4, window=60)
    history = History(recommended=((-61, 1), (-50, 8), (-10, 12)))
    assert stabilize(spec, 0, 5, 20, history, controller=CONTROLLER) == 8
    assert stabilize(spec, 0, 15, 2, history, controller=CONTROLLER) == 12
    assert stabilize(spec, 0, 10, 20, history, controller=CONTROLLER) == 10


def test_the_first_sync_takes_what_runs_as_recommended() -> None:
    decision = decide(SPEC, seen([10.0] * 10), History(), controller=CONTROLLER)
    assert (decision.desired, decision.recommended, decision.why) == (10, 4, "stabilized")


# What must hold for every autoscaler and every load.

policies = st.builds(
    Policy,
    kind=st.sampled_from(["Pods", "Percent"]),
    value=st.integers(1, 200),
    period_seconds=st.integers(1, 300),
)
rules = st.builds(
    Rules,
    policies=st.lists(policies, min_size=1, max_size=3).map(tuple),
    select=st.sampled_from(["Max", "Min", "Disabled"]),
    stabilization_seconds=st.none() | st.integers(0, 600),
    tolerance=st.none() | st.floats(0, 0.5),
)
behaviors = st.none() | st.builds(Behavior, up=rules, down=rules)


@st.composite
def specs(draw: st.DrawFn) -> HpaSpec:
    low = draw(st.integers(1, 10))
    return replace(
        SPEC, behavior=draw(behaviors), min_replicas=low, max_replicas=draw(st.integers(low, 40)), metrics=(CPU,)
    )


traces = st.lists(st.floats(0, 300), min_size=1, max_size=30)


def run(spec: HpaSpec, trace: list[float], *, replicas: int) -> list[tuple[int, Decision]]:
    """(replicas before, decision) of each sync, every pod ready."""
    history, decisions = History(), []
    for index, percent in enumerate(trace):
        decision = decide(spec, seen([percent] * replicas, at=15.0 * index), history, controller=CONTROLLER)
        decisions.append((replicas, decision))
        history, replicas = decision.history, decision.desired
    return decisions


@settings(deadline=None, derandomize=True)
@given(specs(), traces)
def test_the_bounds_always_hold(spec: HpaSpec, trace: list[float]) -> None:
    for _, decision in run(spec, trace, replicas=spec.min_replicas):
        assert spec.min_replicas <= decision.desired <= spec.max_replicas


@settings(deadline=None, derandomize=True)
@given(specs(), traces)
def test_it_never_moves_against_its_recommendations(spec: HpaSpec, trace: list[float]) -> None:
    recommended = [spec.max_replicas]
    for before, decision in run(spec, trace, replicas=spec.max_replicas):
        assert decision.recommended is not None
        recommended.append(decision.recommended)
        if decision.desired > before:
            assert decision.recommended > before
        if decision.desired < before:
            assert decision.recommended < before
        assert min([before, *recommended]) <= decision.desired <= max([before, *recommended])


@settings(deadline=None, derandomize=True)
@given(specs(), traces)
def test_every_step_is_within_the_rate_from_where_its_period_began(spec: HpaSpec, trace: list[float]) -> None:
    history = History()
    for index, (before, decision) in enumerate(run(spec, trace, replicas=spec.min_replicas)):
        at = 15.0 * index
        assert down_limit(spec, at, before, history) <= decision.desired <= up_limit(spec, at, before, history)
        history = decision.history


@settings(deadline=None, derandomize=True)
@given(specs(), st.floats(0, 300), st.integers(1, 40))
def test_more_load_never_asks_for_fewer(spec: HpaSpec, percent: float, replicas: int) -> None:
    less, more = (cpu_proposal(seen([p] * replicas), spec) for p in (percent, percent + 5))
    assert less <= more


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 300), st.integers(2, 20), st.integers(1, 5))
def test_what_is_unknown_never_makes_a_bigger_step(percent: float, replicas: int, lost: int) -> None:
    whole = seen([percent] * replicas)
    names = sorted(whole.usage or {})
    known = {name: usage(percent) for name in names[min(lost, replicas - 1) :]}
    full, partial = cpu_proposal(whole), cpu_proposal(replace(whole, usage=known))
    assert abs(partial - replicas) <= abs(full - replicas)


def test_a_disabled_direction_never_moves() -> None:
    spec = ruled(PODS_4, select="Disabled")
    assert replicas_over_time(spec, replicas=10, recommended=40) == []
    assert replicas_over_time(spec, replicas=10, recommended=1) == []


def test_a_shorter_sync_period_is_followed() -> None:
    quick = Controller(sync_seconds=2)
    changes = list(course(SPEC, replicas=3, recommend_at=lambda _: 7, controller=quick))
    assert changes == [(2, 7)]

"""What an arrival costs is measured, with how well it is known, and steps follow from it that aim where they should."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from loadtest.autoscaling.calibrate import Calibrated, Stretch, measured, too_rough
from loadtest.autoscaling.climb import steps_from
from loadtest.autoscaling.record import AutoscalingRecord, Sample, Spec
from loadtest.autoscaling.replay import Usage
from loadtest.autoscaling.session import Watched
from loadtest.autoscaling.spec import HpaSpec
from loadtest.autoscaling.steps import Infeasible, settled
from loadtest.run import Phase
from loadtest.shapes.profiles import calibrating
from tests.loadtest.autoscaling.objects import CONTROLLER, GUIDE, SPEC, changed, pod, usage

IDLE_PERCENT, COST_MILLI, PODS, RATE, WINDOW_SECONDS = 5.0, 40.0, 3, 20, 15
JOURNEYS = {"BrowseCatalog": 0.75, "PortalHealth": 0.25}
OPENING = calibrating(rate_rps=RATE, measures=True, time_scale=1, arrivals="poisson", users=None, seed=1).phases
CHANGE, END = int(OPENING[1].start_seconds), int(OPENING[1].end_seconds or 0)
STRETCHES = {"idle": Stretch(start=15, end=CHANGE), "loaded": Stretch(start=CHANGE + 15, end=END)}
WATCHED = Watched.model_validate({"namespace": "developer-portal", "hpa": "portal-frontend"})

STEADY = [0] * CHANGE + [RATE] * (END - CHANGE)


def poisson(seed: int) -> list[int]:
    chance = random.Random(seed)
    return [sum(chance.random() < 0.1 for _ in range(RATE * 10)) if second >= CHANGE else 0 for second in range(END)]


def recorded(
    started: Sequence[int],
    *,
    hpa: Any = GUIDE,
    cost: float = COST_MILLI,
    noise: Callable[[], float] = lambda: 0.0,
    memory: float = 30,
    pods: Callable[[int], int] = lambda at: PODS,
) -> AutoscalingRecord:
    """Read every two seconds; a window of the metrics ends each 15, ten seconds before anybody sees it."""
    samples: list[Sample] = []
    seen: dict[str, Usage] | None = None
    for at in range(END):
        names = [f"pod-{index}" for index in range(pods(at))]
        stamp = at - 10
        if stamp >= WINDOW_SECONDS and stamp % WINDOW_SECONDS == 5:
            rate = sum(started[stamp - WINDOW_SECONDS : stamp]) / WINDOW_SECONDS
            percent = IDLE_PERCENT + (rate * cost / len(names) + noise()) / 10
            seen = {
                name: usage(percent, memory, at=float(stamp), window_seconds=float(WINDOW_SECONDS)) for name in names
            }
        if at % 2 == 0:
            now = tuple(pod(name) for name in names)
            samples.append(Sample(at=float(at), replicas=len(now), ready=len(now), pods=now, usage=seen))
    return AutoscalingRecord(
        source="kubernetes",
        interval_seconds=2,
        specs=(Spec(at=0, hpa=hpa),) if hpa else (),
        samples=tuple(samples),
        events=(),
        gaps=(),
    )


def calibrated(record: AutoscalingRecord, started: Sequence[int]) -> Calibrated:
    return measured(record, started, **STRETCHES, journeys=JOURNEYS)


def test_a_steady_rate_tells_its_cost_and_what_idle_pods_use() -> None:
    found = calibrated(recorded(STEADY), STEADY)
    assert found.milli_per_rps == pytest.approx(COST_MILLI, rel=0.01)
    assert found.idle_milli == pytest.approx(50)
    assert (found.resource, found.request_milli) == ("cpu", 1000)
    assert found.offered_rps == pytest.approx(RATE)
    assert found.uncertainty < 0.01
    assert found.readings >= 12
    assert "good to 0" in found.sentence()


def test_the_chance_of_the_arrivals_cancels_out() -> None:
    """Each window is paired with what arrived in it: what is left is the rounding of the readings."""
    started = poisson(1)
    found = calibrated(recorded(started), started)
    assert max(started[CHANGE:]) > 1.3 * RATE
    assert found.milli_per_rps == pytest.approx(COST_MILLI, rel=0.01)
    assert found.uncertainty < 0.01


def test_the_truth_lies_as_far_off_as_is_said() -> None:
    inside = 0
    for seed in range(100):
        found = calibrated(recorded(STEADY, noise=partial(random.Random(seed).gauss, 0, 20)), STEADY)
        assert 0.02 < found.uncertainty < 0.2
        inside += abs(found.milli_per_rps / COST_MILLI - 1) <= found.uncertainty
    assert inside >= 93


def test_a_window_that_holds_the_change_of_load_is_left_out() -> None:
    """In the second before it, the load is already there."""
    early = [0] * (CHANGE - 12) + [RATE] * (END - CHANGE + 12)
    stretches = STRETCHES | {"idle": Stretch(start=15, end=CHANGE - 12)}
    found = measured(recorded(early), early, **stretches, journeys=JOURNEYS)
    assert found.idle_milli == pytest.approx(50)


def with_pods(later: int) -> AutoscalingRecord:
    return recorded(STEADY, pods=lambda at: PODS if at < CHANGE + 60 else later)


REFUSED: list[tuple[AutoscalingRecord, str]] = [
    (recorded(STEADY, hpa=None), "has not seen the autoscaler"),
    (replace(recorded(STEADY), samples=recorded(STEADY).samples[:100]), "3 readings under load"),
    (replace(recorded(STEADY), samples=recorded(STEADY).samples[60:]), "1 readings without load"),
    (with_pods(5), "there were 3 and 5 replicas while it was calibrated: lower --rate"),
    (recorded(STEADY, cost=0), "20 arrivals/s do not show in the cpu of the pods: raise --rate"),
    (
        recorded(
            STEADY,
            hpa=changed(
                metrics=[
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "700m"}},
                    }
                ]
            ),
        ),
        "has no utilization target: give the steps themselves",
    ),
]


@pytest.mark.parametrize(("record", "said"), REFUSED, ids=[case[1][:30] for case in REFUSED])
def test_what_cannot_be_measured_is_refused(record: AutoscalingRecord, said: str) -> None:
    with pytest.raises(Infeasible, match=said):
        calibrated(record, STEADY)


def test_a_step_far_up_needs_a_finer_calibration() -> None:
    found = replace(calibrated(recorded(STEADY), STEADY), uncertainty=0.05)
    assert too_rough(found, [5, 10]) == []
    (reason,) = too_rough(found, [5, 20])
    assert "good to 5.0%, and a step to 20 replicas needs 2.6%" in reason


def climbed(record: AutoscalingRecord, started: Sequence[int] = STEADY, **changes: Any) -> Any:
    asked: dict[str, Any] = {
        "watched": WATCHED,
        "opening": OPENING,
        "started": started,
        "journeys": JOURNEYS,
        "until": END - 7,
    }
    return steps_from(record, **({"known": None} | asked | changes))


@pytest.mark.parametrize("seed", range(20))
def test_each_step_aims_half_a_replica_below_its_count_and_settles_there(seed: int) -> None:
    """Whatever an arrival costs: by the true cost, not by the one that was measured."""
    chance = random.Random(seed)
    cost = chance.uniform(5, 60)
    started = poisson(seed)
    found, steps = climbed(recorded(started, cost=cost, noise=lambda: chance.gauss(0, 1)), started)
    true = replace(found.of_pods(1000, 50), milli_per_rps=cost)
    replicas = SPEC.min_replicas
    assert [step.replicas for step in steps] == [5, 10, 20, 3]
    for step in steps[:-1]:
        demand = (step.replicas * 50 + step.rate_rps * cost) / 700
        # Off the middle where tolerance would swallow it; to the maximum, beyond which nothing is, as far as it needs.
        assert step.replicas - 0.85 < demand
        assert demand < step.replicas - 0.15 or step.replicas == SPEC.max_replicas
        replicas, _ = settled(SPEC, true, rate_rps=step.rate_rps, replicas=replicas, controller=CONTROLLER)
        assert replicas == step.replicas
    assert steps[-1].rate_rps == 0
    assert all(step.hold_seconds == int(step.hold_seconds) for step in steps)


def test_the_counts_and_the_hold_are_the_files_where_it_has_some() -> None:
    own = WATCHED.model_copy(update={"climb": (6,), "hold_seconds": 500.0})
    _, steps = climbed(recorded(STEADY), watched=own)
    assert [step.replicas for step in steps] == [6, 3]
    assert 500 <= steps[0].hold_seconds < 600


def test_an_earlier_calibration_needs_one_reading_of_idle_pods() -> None:
    known = replace(calibrated(recorded(STEADY), STEADY), source="2026-01-01T00:00:00+00:00")
    look = calibrating(rate_rps=None, measures=False, time_scale=1, arrivals="poisson", users=None, seed=1).phases
    early = recorded(STEADY)
    early = replace(early, samples=tuple(sample for sample in early.samples if sample.at < 40))
    found, steps = climbed(early, known=known, opening=look, until=40)
    assert found is known
    assert "from the run of 2026-01-01" in found.sentence()
    assert [step.replicas for step in steps] == [5, 10, 20, 3]


def test_all_that_stands_against_an_earlier_calibration_is_said_at_once() -> None:
    known = replace(calibrated(recorded(STEADY), STEADY), hpa="other", uncertainty=0.3)
    with pytest.raises(Infeasible) as refused:
        climbed(recorded(STEADY, pods=lambda at: 4, memory=70), known=known, journeys={"PortalHealth": 1.0})
    said = str(refused.value)
    for part in (
        "is of HPA developer-portal/other",
        "of other journeys (BrowseCatalog, PortalHealth)",
        "good to 30.0%",
        "4 replicas run, and the steps begin at minReplicas, 3",
        "idle memory is 70 % of its request",
    ):
        assert part in said
    assert len(refused.value.reasons) == 5


def test_without_readings_of_idle_pods_there_are_no_steps() -> None:
    known = calibrated(recorded(STEADY), STEADY)
    blind = recorded(STEADY)
    blind = replace(blind, samples=tuple(replace(sample, usage=None) for sample in blind.samples))
    with pytest.raises(Infeasible, match="nobody knows what idle pods use of cpu"):
        climbed(blind, known=known)


def test_times_of_the_calibration_are_divided_as_the_autoscalers_are() -> None:
    plan = calibrating(rate_rps=None, measures=True, time_scale=5, arrivals="constant", users=None, seed=1)
    assert [(phase.start_seconds, phase.end_seconds, phase.offered_rps) for phase in plan.phases] == [
        (0, 24, 0),
        (24, 72, 5),
    ]
    assert {phase.name for phase in plan.phases} == {"warm-up"}
    assert plan.grows


def test_spec_is_the_one_that_was_seen_last() -> None:
    later = replace(recorded(STEADY), specs=(Spec(at=0, hpa=GUIDE), Spec(at=5, hpa=changed(maxReplicas=10))))
    _, steps = climbed(later)
    assert max(step.replicas for step in steps) == 10 == HpaSpec.from_api(later.specs[-1].hpa).max_replicas


def test_phases_of_the_opening_aim_at_no_replicas() -> None:
    """So the autoscaler is held to nothing before the steps."""
    assert all(isinstance(phase, Phase) and phase.replicas is None for phase in OPENING)

"""A good autoscaler passes; each way to be wrong is told in its own words, and told apart from too little load."""

import re
from dataclasses import fields, replace
from typing import Any

import pytest

from loadtest.autoscaling.assertions import check, measured_elasticity
from loadtest.autoscaling.elasticity import Gates
from loadtest.autoscaling.findings import Expectations, Finding
from loadtest.autoscaling.record import Gap, Sample
from tests.loadtest.autoscaling.objects import GUIDE, changed
from tests.loadtest.autoscaling.simulated import Faults, holds, run

PLAN = holds()
EXPECTED = Expectations(holds=PLAN, rps_per_replica=70)
CLIMB = PLAN[2].start_seconds
REST = PLAN[-1].start_seconds


def found(hpa: dict[str, Any] = GUIDE, faults: Faults | None = None) -> tuple[Finding, ...]:
    return check(run(PLAN, hpa, faults), EXPECTED)


def rules(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(finding.kind, finding.rule) for finding in findings}


def test_an_autoscaler_that_works_has_nothing_found() -> None:
    assert found() == ()


def slow(value: int, period: int) -> dict[str, Any]:
    behavior = GUIDE["spec"]["behavior"]
    policies = [{"type": "Pods", "value": value, "periodSeconds": period}]
    return changed(behavior=behavior | {"scaleUp": behavior["scaleUp"] | {"policies": policies}})


def late_memory(now: float) -> float:
    return 30 if now < CLIMB else 71


# What is planted, and what must be said about it.
PLANTED: list[tuple[str, dict[str, Any], Faults, str, str]] = [
    ("maximum too low", changed(maxReplicas=12), Faults(), "maximum", "maxReplicas is 12"),
    ("metrics stop", GUIDE, Faults(metrics=lambda now: now < CLIMB), "metrics", "no usable metrics from .* 503"),
    ("policy too slow", slow(1, 60), Faults(), "policy", "by its own scale-up rules; the budget is 60 s"),
    ("pods never ready", GUIDE, Faults(never_ready=True), "ready", "not ready within 60 s.* never were"),
    ("pods slow", GUIDE, Faults(start_seconds=90), "ready", "not ready within 60 s"),
    ("deleted", GUIDE, Faults(deleted_at=CLIMB), "present", "HPA developer-portal/portal-frontend was deleted"),
    ("second writer", GUIDE, Faults(writer=lambda now, n: 4 if now % 60 < 15 else n), "moves", "something else writes"),
    (
        "goes beyond",
        GUIDE,
        Faults(writer=lambda now, n: 6 if n == 5 else n),
        "moves",
        "from 3 to 6 .* asked for .* to 5:",
    ),
    ("cannot rest", GUIDE, Faults(memory_percent=late_memory), "rest", "rests at 8 replicas, not at 3: .* memory 71 %"),
    ("controller stops", GUIDE, Faults(controller=lambda now: now < CLIMB), "reaction", "complete never"),
    (
        "controller stops late",
        GUIDE,
        Faults(controller=lambda now: now < REST),
        "rest",
        "20 replicas after .* s without load",
    ),
    ("traffic pinned", GUIDE, Faults(pinned=True), "spread", "the traffic does not reach them"),
    (
        "above the maximum",
        GUIDE,
        Faults(writer=lambda now, n: 25 if now > CLIMB + 200 else n),
        "bounds",
        "above maxReplicas 20",
    ),
]


@pytest.mark.parametrize(
    ("hpa", "faults", "rule", "words"), [case[1:] for case in PLANTED], ids=[c[0] for c in PLANTED]
)
def test_what_is_wrong_with_it_is_said(hpa: dict[str, Any], faults: Faults, rule: str, words: str) -> None:
    findings = found(hpa, faults)
    assert ("autoscaler_wrong", rule) in rules(findings), findings
    text = next(finding.text for finding in findings if finding.rule == rule)
    assert re.search(words, text), text


def test_a_fall_below_what_is_asked_for_is_wrong_too() -> None:
    half = replace(PLAN[-1], rate_rps=PLAN[1].rate_rps, replicas=PLAN[1].replicas)
    falls = Faults(writer=lambda now, n: 8 if now > REST and n == 12 else n)
    findings = check(run((*PLAN[:-1], half), GUIDE, falls), replace(EXPECTED, holds=(*PLAN[:-1], half)))
    (moved,) = (finding for finding in findings if finding.rule == "moves" and "to 8 at" in finding.text)
    assert "its metrics asked for 10" in moved.text


def test_too_little_load_is_the_loads_fault_alone() -> None:
    assert rules(found(faults=Faults(load_share=0.3))) == {("load_did_not_warrant_scaling", "reaction")}


def stops_for(seconds: float) -> Faults:
    """Of the last climb, the beginning is slept through."""
    return Faults(controller=lambda now: not CLIMB <= now < CLIMB + seconds)


def test_a_step_that_is_complete_after_its_deadline_is_named_with_both() -> None:
    (finding,) = found(faults=stops_for(200))
    assert finding.rule == "reaction"
    said = re.search(r"was complete after (\d+) s, due after (\d+) s", finding.text)
    assert said, finding.text
    assert int(said[1]) > 200 > int(said[2])


def test_a_step_that_is_late_and_within_its_deadline_is_let_through() -> None:
    assert found(faults=stops_for(60)) == ()


@pytest.mark.parametrize("budget", ["load", "scrape", "aggregate", "serve", "actuate"])
def test_each_budget_is_a_part_of_the_deadline(budget: str) -> None:
    longer = replace(EXPECTED, budgets=replace(EXPECTED.budgets, **{budget: 200.0}))
    late = run(PLAN, GUIDE, stops_for(200))
    assert rules(check(late, EXPECTED)) == {("autoscaler_wrong", "reaction")}
    assert check(late, longer) == ()


def test_the_controllers_own_sync_is_a_part_of_the_deadline() -> None:
    late = run(PLAN, GUIDE, stops_for(140))
    slower = replace(EXPECTED, controller=replace(EXPECTED.controller, sync_seconds=90))
    assert rules(check(late, EXPECTED)) == {("autoscaler_wrong", "reaction")}
    assert ("autoscaler_wrong", "reaction") not in rules(check(late, slower))


def test_without_metrics_in_a_short_step_nobody_knows_whether_it_was_asked_for() -> None:
    end = CLIMB + 60
    short = (*PLAN[:2], replace(PLAN[2], end_seconds=end))
    blind = run(short, GUIDE, Faults(metrics=lambda now: now < CLIMB - 15))
    assert ("invalid_run", "reaction") in rules(check(blind, replace(EXPECTED, holds=short)))


def test_a_maximum_that_is_lowered_in_the_run_must_be_followed() -> None:
    done = run(PLAN)
    at = CLIMB + 200
    assert max(sample.replicas for sample in done.samples if sample.at < at) == 20
    lowered = replace(done, specs=(*done.specs, replace(done.specs[0], at=at, hpa=changed(maxReplicas=15))))
    bounds = [finding for finding in check(lowered, EXPECTED) if finding.rule == "bounds"]
    (finding,) = bounds
    assert "20 replicas" in finding.text
    # It is given a sync, and the time to act.
    assert 20 < finding.at_seconds - at < 40


def test_replicas_that_come_down_too_fast_are_named_with_what_was_allowed() -> None:
    done = run(PLAN)
    behavior = GUIDE["spec"]["behavior"]
    one_in_ten_minutes = [{"type": "Pods", "value": 1, "periodSeconds": 600}]
    slower = changed(behavior=behavior | {"scaleDown": behavior["scaleDown"] | {"policies": one_in_ten_minutes}})
    findings = check(replace(done, specs=(replace(done.specs[0], hpa=slower),)), EXPECTED)
    assert ("autoscaler_wrong", "rates") in rules(findings)
    assert any("its policies allow down to" in finding.text for finding in findings)


def test_replicas_that_come_down_early_are_named_with_the_window() -> None:
    behavior = GUIDE["spec"]["behavior"]
    hasty = changed(behavior=behavior | {"scaleDown": behavior["scaleDown"] | {"stabilizationWindowSeconds": 30}})
    done = run(PLAN, hasty)
    # The object promises the guide's 300 s while the controller follows 30.
    promised = replace(done, specs=(replace(done.specs[0], hpa=GUIDE),))
    assert ("autoscaler_wrong", "hold") in rules(check(promised, EXPECTED))


def test_replicas_that_move_too_fast_are_named_with_what_was_allowed() -> None:
    done = run(PLAN)
    promised = replace(done, specs=(replace(done.specs[0], hpa=slow(2, 15)),))
    findings = check(promised, EXPECTED)
    assert ("autoscaler_wrong", "rates") in rules(findings)
    assert any("its policies allow up to" in finding.text for finding in findings)


def test_a_peak_between_two_syncs_does_not_count_for_the_window() -> None:
    done = run(PLAN)
    down = next(i for i, s in enumerate(done.samples) if s.at > REST and s.replicas < done.samples[i - 1].replicas)
    peak = next(s.usage for s in done.samples if s.at > CLIMB + 30)
    samples = list(done.samples)
    # One sample of two seconds; the syncs are 15 seconds apart.
    samples[down - 60] = replace(samples[down - 60], usage=peak)
    assert check(replace(done, samples=tuple(samples)), EXPECTED) == ()


@pytest.mark.parametrize(("apart", "kinds"), [(1000, set()), (200, {("invalid_run", "samples")})])
def test_many_short_gaps_are_a_long_one(apart: int, kinds: set[tuple[str, str]]) -> None:
    done = run(PLAN)
    gaps = tuple(Gap(start=at, end=at + 40, reason="503") for at in range(100, int(PLAN[-1].end_seconds), apart))
    assert rules(check(replace(done, gaps=gaps), EXPECTED)) == kinds


def test_a_short_gap_changes_nothing() -> None:
    assert found(faults=Faults(gap=(CLIMB + 10, CLIMB + 50))) == ()


def test_a_long_gap_makes_the_run_invalid() -> None:
    findings = found(faults=Faults(gap=(CLIMB + 10, CLIMB + 300)))
    assert ("invalid_run", "samples") in rules(findings)


def test_what_is_missing_to_the_end_counts_once() -> None:
    """The recorded gap, and that nothing comes after it."""
    done = run(PLAN)
    samples = tuple(sample for sample in done.samples if sample.at <= CLIMB)
    gap = Gap(start=CLIMB, end=PLAN[-1].end_seconds + 60, reason="401")
    (said,) = (f.text for f in check(replace(done, samples=samples, gaps=(gap,)), EXPECTED) if f.rule == "samples")
    whole = PLAN[-1].end_seconds - PLAN[0].start_seconds
    assert f"missing for {(PLAN[-1].end_seconds - CLIMB) / whole:.0%} of the run" in said
    assert said.endswith(": 401")


def test_samples_that_begin_late_or_end_early_make_the_run_invalid() -> None:
    done = run(PLAN)
    for samples in (done.samples[400:], done.samples[:400]):
        assert ("invalid_run", "samples") in rules(check(replace(done, samples=samples), EXPECTED))


def test_no_samples_are_an_invalid_run() -> None:
    nothing = replace(run(PLAN), samples=(), specs=())
    assert rules(check(nothing, EXPECTED)) == {("invalid_run", "samples")}


def test_a_rest_that_is_too_short_for_its_rules_is_an_invalid_run() -> None:
    short = (*PLAN[:-1], replace(PLAN[-1], end_seconds=REST + 400))
    assert rules(check(run(short), replace(EXPECTED, holds=short))) == {("invalid_run", "rest")}


@pytest.mark.parametrize("name", [field.name for field in fields(Gates)])
def test_elasticity_above_its_gate_is_a_finding_and_below_it_none(name: str) -> None:
    done = run(PLAN)
    measured = measured_elasticity(done, EXPECTED)
    assert measured is not None
    value = getattr(measured, name)
    assert value > 0
    (finding,) = check(done, replace(EXPECTED, gates=Gates(**{name: value / 2})))
    assert finding.rule == f"elasticity.{name}"
    assert check(done, replace(EXPECTED, gates=Gates(**{name: value}))) == ()


def test_a_pod_that_loses_readiness_later_was_still_ready_in_time() -> None:
    done = run(PLAN)

    def flapping(sample: Sample) -> Sample:
        if sample.at < CLIMB + 200:
            return sample
        return replace(sample, pods=tuple(replace(p, ready_changed_at=sample.at) for p in sample.pods))

    flapped = replace(done, samples=tuple(flapping(sample) for sample in done.samples))
    assert not [finding for finding in check(flapped, EXPECTED) if finding.rule == "ready"]


def test_metrics_that_change_between_two_samples_may_have_moved_it() -> None:
    done = run(PLAN)
    index = next(i for i, s in enumerate(done.samples) if s.at > CLIMB and s.replicas > done.samples[i - 1].replicas)
    # All that was sampled before the move still shows the old load: only the sample after it has the new one.
    old, moved = done.samples[index - 30], done.samples[index]
    samples = tuple(replace(s, usage=old.usage) if moved.at - 60 < s.at < moved.at else s for s in done.samples)
    assert check(replace(done, samples=samples), EXPECTED) == ()


def test_moves_that_fall_into_a_gap_are_not_judged() -> None:
    done = run(PLAN, GUIDE, Faults(writer=lambda now, n: 4 if CLIMB + 100 < now < CLIMB + 115 else n))
    blind = (CLIMB + 90.0, CLIMB + 150.0)
    seen = tuple(sample for sample in done.samples if not blind[0] < sample.at < blind[1])
    assert ("autoscaler_wrong", "moves") in rules(check(done, EXPECTED))
    hidden = replace(done, samples=seen, gaps=(Gap(start=blind[0], end=blind[1], reason="503"),))
    assert ("autoscaler_wrong", "moves") not in rules(check(hidden, EXPECTED))

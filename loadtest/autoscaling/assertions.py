"""Whether the autoscaler did what its own spec promises, and what is to blame where the replicas did not follow.

Each rule reads the record and the plan and returns findings in words; none looks at a clock or at the cluster. The
replay gives, for every sample, what the metrics asked for then: replicas that stayed where the metrics wanted more are
the autoscaler's fault, replicas that stayed where nothing was asked are the load's.

Source: the budgets are those of Kubernetes' own end-to-end test, horizontal_pod_autoscaling_behavior.go.
"""

from collections.abc import Iterator
from typing import Final

from loadtest.autoscaling import elasticity
from loadtest.autoscaling.findings import (
    Expectations,
    Finding,
    Hold,
    Moment,
    Run,
    invalid,
    replayed,
    use_percent,
    wrong,
)
from loadtest.autoscaling.moves import bounded, moved
from loadtest.autoscaling.record import AutoscalingRecord
from loadtest.autoscaling.replay import course
from loadtest.autoscaling.spec import HpaSpec
from loadtest.autoscaling.steps import descent

MOST_MISSING_SHARE: Final = 0.1
LEAST_SPREAD_SHARE: Final = 0.3
"""Of the mean CPU use, what a pod must have to count as taking part in the traffic."""


def check(record: AutoscalingRecord, expected: Expectations) -> tuple[Finding, ...]:
    """All that is wrong with a run; nothing if it is as it should be."""
    run = Run(record=record, expected=expected, moments=replayed(record, expected.controller))
    if not run.moments or not expected.holds:
        return (invalid("samples", "the sampler recorded no autoscaler", 0.0),)
    return tuple(
        finding
        for rule in (_complete, _present, _measured, bounded, moved, _reacted, _returned, _ready, _spread, _elastic)
        for finding in rule(run)
    )


def _complete(run: Run) -> Iterator[Finding]:
    start, end = run.expected.holds[0].start_seconds, run.expected.holds[-1].end_seconds
    known = [(gap.start, min(gap.end, end), gap.reason) for gap in run.record.gaps]
    # A sampler that came late or ended early leaves no gap behind.
    known += [(start, run.moments[0].at, "no sample yet"), (run.moments[-1].at, end, "no sample any more")]
    grain, seen, missing = 3 * run.record.interval_seconds, start, []
    for a, b, reason in sorted(known, key=lambda gap: gap[0]):
        if b - max(a, seen) > grain:
            missing.append((max(a, seen), b, reason))
        seen = max(seen, b)
    share = sum(b - a for a, b, _ in missing) / (end - start)
    longest = max(missing, key=lambda gap: gap[1] - gap[0], default=None)
    patience = run.expected.budgets.metrics()
    if longest and (share > MOST_MISSING_SHARE or longest[1] - longest[0] > patience):
        a, b, reason = longest
        yield invalid(
            "samples",
            f"replica samples are missing for {share:.0%} of the run, the longest time from {a:.0f} s to {b:.0f} s: "
            f"{reason}",
            a,
        )


def _present(run: Run) -> Iterator[Finding]:
    gone = next((moment for moment in run.moments if moment.sample.desired is None), None)
    if gone:
        name = f"{gone.spec.namespace}/{gone.spec.name}"
        yield wrong("present", f"HPA {name} was deleted at {gone.at:.0f} s", gone.at)


def _measured(run: Run) -> Iterator[Finding]:
    patience = run.expected.budgets.metrics() + run.expected.controller.sync_seconds
    since: Moment | None = None
    for moment in run.moments:
        if moment.asked is not None or moment.sample.desired is None:
            since = None
            continue
        since = since or moment
        if moment.at - since.at > patience:
            told = next((c.message for c in moment.sample.conditions if c.type == "ScalingActive"), "")
            why = moment.sample.metrics_error or told or "its pods are unready, or without requests"
            yield wrong(
                "metrics",
                f"no usable metrics from {since.at:.0f} s to at least {moment.at:.0f} s, so it cannot scale: {why}",
                since.at,
            )
            return


def _reacted(run: Run) -> Iterator[Finding]:
    """Every step up: all replicas asked for by the deadline."""
    running = run.moments[0].spec.min_replicas
    for hold in run.expected.holds:
        if hold.replicas > running:
            yield from _step_up(run, hold, running)
        running = hold.replicas


def _step_up(run: Run, hold: Hold, running: int) -> Iterator[Finding]:
    budgets, controller = run.expected.budgets, run.expected.controller
    inside = [moment for moment in run.moments if hold.start_seconds <= moment.at < hold.end_seconds]
    if not inside:
        return
    spec = inside[0].spec
    step = f"the step to {hold.replicas} replicas at {hold.start_seconds:.0f} s"
    if hold.replicas > spec.max_replicas:
        text = f"{step} cannot be followed: maxReplicas is {spec.max_replicas}"
        yield wrong("maximum", text, hold.start_seconds)
        return
    changes = list(course(spec, replicas=running, recommend_at=lambda _: hold.replicas, controller=controller))
    own = changes[-1][0] - controller.sync_seconds if changes and changes[-1][1] == hold.replicas else float("inf")
    if own > budgets.policy:
        needs = f"{own:.0f} s" if own < float("inf") else "for ever"
        text = f"{step} takes {needs} by its own scale-up rules; the budget is {budgets.policy:.0f} s"
        yield wrong("policy", text, hold.start_seconds)
        return
    deadline = hold.start_seconds + budgets.reaction(controller) + own
    reached = next((m for m in inside if m.sample.replicas >= hold.replicas), None)
    if reached and reached.at <= deadline:
        return
    waiting = [m for m in inside if m.asked is not None and (reached is None or m.at <= reached.at)]
    if not waiting:
        # A pause that lasts is said by the rule about metrics.
        if reached is None and inside[-1].at - hold.start_seconds <= budgets.metrics() + controller.sync_seconds:
            yield invalid(
                "reaction", f"{step} was not complete, and nobody knows what was asked for", hold.start_seconds
            )
        return
    # The end alone counts: on the way up the metrics ask for more time and again, and get it.
    tail = controller.sync_seconds + 2 * run.record.interval_seconds
    unmet = all(m.asked is not None and m.asked > m.sample.replicas for m in waiting if m.at >= waiting[-1].at - tail)
    highest = max(m.asked for m in waiting if m.asked is not None)
    if reached is None and not unmet:
        text = f"{step} was not asked for: the metrics asked for no more than {highest}; more load, or calibrate anew"
        yield Finding(kind="load_did_not_warrant_scaling", rule="reaction", text=text, at_seconds=hold.start_seconds)
        return
    when = f"after {reached.at - hold.start_seconds:.0f} s" if reached else "never"
    first = next((m.at for m in waiting if m.asked is not None and m.asked > m.sample.replicas), waiting[-1].at)
    yield wrong(
        "reaction",
        f"{step} was complete {when}, due after {deadline - hold.start_seconds:.0f} s: the metrics asked for up to "
        f"{highest}, from {first:.0f} s on for more than there were",
        hold.start_seconds,
    )


def _returned(run: Run) -> Iterator[Finding]:
    """The way back to where it began, as slow as its rules are."""
    if len(run.expected.holds) < 2 or run.expected.holds[-1].replicas >= run.expected.holds[-2].replicas:
        return
    hold, budgets, controller = run.expected.holds[-1], run.expected.budgets, run.expected.controller
    inside = [moment for moment in run.moments if hold.start_seconds <= moment.at < hold.end_seconds]
    if not inside:
        return
    spec, first, last = inside[0].spec, inside[0].sample.replicas, inside[-1]
    if any(metric.target_percent is None for metric in spec.metrics):
        return
    idle = use_percent(last.sample.pods, last.sample.usage, spec)
    if len(idle) < len(spec.metrics):
        # Said by the rule about metrics.
        return
    changes = descent(spec, idle, replicas=first, controller=controller)
    rests_at, own = (changes[-1][1], changes[-1][0]) if changes else (first, 0.0)
    # One sync more a step: a period ends just after one.
    due = budgets.reaction(controller) + own + len(changes) * controller.sync_seconds
    used = ", ".join(f"{resource} {percent:.0f} %" for resource, percent in idle.items())
    if rests_at > hold.replicas:
        text = f"without load it rests at {rests_at} replicas, not at {hold.replicas}: of its requests it uses {used}"
        yield wrong("rest", text, last.at)
        return
    if any(moment.sample.replicas <= hold.replicas for moment in inside if moment.at <= hold.start_seconds + due):
        return
    if last.at < hold.start_seconds + due - run.record.interval_seconds:
        text = f"{hold.end_seconds - hold.start_seconds:.0f} s without load are too short: its rules need {due:.0f} s"
        yield invalid("rest", text, hold.start_seconds)
    else:
        text = f"{last.sample.replicas} replicas after {due:.0f} s without load, at {used} of its requests"
        yield wrong("rest", text, last.at)


def _ready(run: Run) -> Iterator[Finding]:
    """Every pod that was made in the run is ready in time, or gone before that."""
    budget = run.expected.budgets.ready
    created: dict[str, float] = {}
    took: dict[str, float] = {}
    """Until it was seen ready first; of one that never was, until now."""
    ready: set[str] = set()
    for moment in run.moments:
        for pod in moment.sample.pods:
            if pod.created_at < 0 or pod.deleted or pod.name in ready:
                continue
            created[pod.name] = pod.created_at
            took[pod.name] = (pod.ready_changed_at if pod.ready else moment.at) - pod.created_at
            if pod.ready:
                ready.add(pod.name)
    late = [name for name, seconds in took.items() if seconds > budget]
    if late:
        at = min(created[name] for name in late)
        text = f"{len(late)} new pods were not ready within {budget:.0f} s, the first made at {at:.0f} s"
        yield wrong("ready", f"{text}; {len(set(late) - ready)} of them never were", at)


def _spread(run: Run) -> Iterator[Finding]:
    """New pods take part: at the end of each step no ready pod idles."""
    settled = run.expected.budgets.metrics()
    for hold in run.expected.holds:
        last = next((m for m in reversed(run.moments) if m.at <= hold.end_seconds and m.sample.usage), None)
        if hold.rate_rps <= 0 or last is None or last.at < hold.start_seconds or last.sample.usage is None:
            continue
        old = {
            pod.name
            for pod in last.sample.pods
            if pod.ready and not pod.deleted and last.at - pod.ready_changed_at > settled
        }
        cpu = {
            name: sum(container.get("cpu", 0) for container in use.containers.values())
            for name, use in last.sample.usage.items()
            if name in old
        }
        mean = sum(cpu.values()) / len(cpu) if cpu else 0.0
        idle = sorted(name for name, value in cpu.items() if value < LEAST_SPREAD_SHARE * mean)
        if idle:
            share = f"less than {LEAST_SPREAD_SHARE:.0%} of the mean CPU (first {idle[0]})"
            text = (
                f"at {last.at:.0f} s {len(idle)} of {len(cpu)} ready pods use {share}: the traffic does not reach them"
            )
            yield wrong("spread", text, last.at)
            return


def _elastic(run: Run) -> Iterator[Finding]:
    measured = measured_elasticity(run.record, run.expected)
    if measured is None:
        return
    for name, value, limit in run.expected.gates.exceeded(measured):
        text = (
            f"{name.removesuffix('_percent').replace('_', ' ')} is {value:.1f} %, at most {limit:.1f} % is let through"
        )
        yield wrong(f"elasticity.{name}", text, run.expected.holds[0].start_seconds)


def measured_elasticity(record: AutoscalingRecord, expected: Expectations) -> elasticity.Elasticity | None:
    """None where the rate that one replica carries is not known, or there is too little to read."""
    start, end = expected.holds[0].start_seconds, expected.holds[-1].end_seconds
    supply = [(sample.at, float(sample.ready)) for sample in record.samples]
    if expected.rps_per_replica is None or not supply or not record.specs:
        return None
    demand = elasticity.demand(
        [(hold.start_seconds, hold.rate_rps) for hold in expected.holds],
        rps_per_replica=expected.rps_per_replica,
        least=HpaSpec.from_api(record.specs[0].hpa).min_replicas,
    )
    step = record.interval_seconds
    if end - start < 2 * step:
        return None
    return elasticity.measure(demand=demand, supply=supply, start=start, end=end, step_seconds=step)

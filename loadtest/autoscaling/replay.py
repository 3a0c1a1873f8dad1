"""What the HPA controller has to decide, given what it saw: its algorithm as pure functions.

A recorded run is fed through this beside the real decisions. Where they differ, the autoscaler is wrong; where they
agree and nothing moved, the load did not warrant it.

Source: Kubernetes 1.36, pkg/controller/podautoscaler (replica_calculator.go, horizontal.go). The steps carry the names
used there where there is one. Times are seconds on any one clock; usage and requests are thousandths.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loadtest.autoscaling.spec import Controller, HpaSpec, Metric, Policy, Rules

# Without `behavior`: at most twice as many in one sync, or up to 4. Source: horizontal.go, scaleUpLimitFactor.
PLAIN_UP_FACTOR: Final = 2
PLAIN_UP_MINIMUM: Final = 4
LONGEST_COURSE_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What the controller reads of a pod. `ready` is None while the pod has no Ready condition yet."""

    name: str
    phase: str = "Running"
    created_at: float = 0
    deleted: bool = False
    ready: bool | None = True
    ready_changed_at: float = 0
    started_at: float | None = 0
    requests: Mapping[str, Mapping[str, int]]
    """Container -> resource -> thousandths."""
    requests_as_a_whole: Mapping[str, int] | None = None
    """Resource -> thousandths, where some are set for the pod itself: then these count, and no container's."""
    ready_unknown: bool = False
    """Of a lost node, say. The controller goes by what it last used."""

    @property
    def unready(self) -> bool:
        """As the controller has it, for which only False is not ready."""
        return not self.ready and not self.ready_unknown

    def request(self, metric: Metric) -> int | None:
        """Thousandths; None where one that counts is not set (`calculateRequests`)."""
        if metric.container is None and self.requests_as_a_whole is not None:
            return self.requests_as_a_whole.get(metric.resource)
        wanted = [of for name, of in self.requests.items() if metric.container in (None, name)]
        if not wanted or any(metric.resource not in of for of in wanted):
            return None
        return sum(of[metric.resource] for of in wanted)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """One pod's item in `metrics.k8s.io`."""

    at: float
    window_seconds: float
    containers: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What lies before the controller at one sync. `usage` is None where the metrics API gave an error."""

    at: float
    replicas: int
    pods: Sequence[Pod]
    usage: Mapping[str, Usage] | None


class MetricUnusable(Exception):
    """The controller can work out nothing from this metric; an error that blocks scaling down."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What the controller remembers between syncs: (when, how many), oldest first."""

    recommended: tuple[tuple[float, int], ...] = ()
    added: tuple[tuple[float, int], ...] = ()
    removed: tuple[tuple[float, int], ...] = ()

    def changed(self, spec: HpaSpec, *, at: float, by: int) -> "History":
        """After the replicas were changed. Without `behavior` nobody asks, and nothing is kept."""
        if spec.behavior is None or by == 0:
            return self
        if by > 0:
            return replace(self, added=_kept(self.added, at, by, spec.behavior.up))
        return replace(self, removed=_kept(self.removed, at, -by, spec.behavior.down))


def _kept(changes: tuple[tuple[float, int], ...], at: float, count: int, rules: Rules) -> tuple[tuple[float, int], ...]:
    """With a new change, in the place of one that the rules of its own direction need no more.

    The rules of the other direction may still have needed it: their rates then count too little (`storeScaleEvent`).
    """
    longest = max(policy.period_seconds for policy in rules.policies)
    old = [index for index, (when, _) in enumerate(changes) if when < at - longest]
    if not old:
        return (*changes, (at, count))
    return (*changes[: old[-1]], (at, count), *changes[old[-1] + 1 :])


Why = Literal["metrics", "stabilized", "rate-limited", "at-minimum", "at-maximum", "out-of-bounds", "no-metrics", "off"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    desired: int
    recommended: int | None
    """By the metrics alone; None where they were not asked or not usable."""
    why: Why
    history: History


def decide(spec: HpaSpec, seen: Observation, history: History, *, controller: Controller) -> Decision:
    """One sync of the controller."""
    history = history if history.recommended else replace(history, recommended=((seen.at, seen.replicas),))
    if seen.replicas == 0:
        return Decision(desired=0, recommended=None, why="off", history=history)
    if not spec.min_replicas <= seen.replicas <= spec.max_replicas:
        bounded = min(max(seen.replicas, spec.min_replicas), spec.max_replicas)
        return _scaled(spec, seen, bounded, None, "out-of-bounds", history)
    recommended = recommend(spec, seen, controller=controller)
    if recommended is None:
        return Decision(desired=seen.replicas, recommended=None, why="no-metrics", history=history)
    return follow(spec, seen, recommended, history, controller=controller)


def follow(spec: HpaSpec, seen: Observation, recommended: int, history: History, *, controller: Controller) -> Decision:
    """From what the metrics recommend to what is done now: windows, rates, bounds."""
    stable = stabilize(spec, seen.at, seen.replicas, recommended, history, controller=controller)
    since = seen.at - memory_seconds(spec, controller)
    remembered = History(
        recommended=(*_since(since, history.recommended), (seen.at, recommended)),
        added=history.added,
        removed=history.removed,
    )
    desired, why = limit(spec, seen.at, seen.replicas, stable, history)
    if why == "metrics" and stable != recommended:
        why = "stabilized"
    return _scaled(spec, seen, desired, recommended, why, remembered)


def _since(moment: float, remembered: tuple[tuple[float, int], ...]) -> tuple[tuple[float, int], ...]:
    return tuple(entry for entry in remembered if entry[0] >= moment)


def _scaled(
    spec: HpaSpec, seen: Observation, desired: int, recommended: int | None, why: Why, history: History
) -> Decision:
    changed = history.changed(spec, at=seen.at, by=desired - seen.replicas)
    return Decision(desired=desired, recommended=recommended, why=why, history=changed)


def recommend(spec: HpaSpec, seen: Observation, *, controller: Controller) -> int | None:
    """The highest of what the metrics ask for; None where an unusable one forbids to go by the rest."""
    proposals: list[int] = []
    for metric in spec.metrics:
        try:
            proposals.append(proposal(metric, spec, seen, controller=controller))
        except MetricUnusable:
            continue
    highest = max(proposals, default=None)
    if highest is None or (len(proposals) < len(spec.metrics) and highest < seen.replicas):
        return None
    return highest


def proposal(metric: Metric, spec: HpaSpec, seen: Observation, *, controller: Controller) -> int:
    """How many replicas one metric asks for."""
    if not seen.pods:
        raise MetricUnusable("no pods")
    usage = _usage(metric, seen)
    groups = group_pods(metric.resource, seen, usage, controller=controller)
    counted = {name: value for name, (value, _) in usage.items() if name not in groups.ignored | groups.unready}
    if not counted:
        raise MetricUnusable("no metrics for the targeted pods; they may be unready")
    requests = _requests(metric, seen.pods) if metric.target_percent is not None else {}
    ratio = _ratio(metric, counted, requests)

    down, up = spec.tolerances(controller)

    def within(value: float) -> bool:
        return 1 - down <= value <= 1 + up

    up_with_unready = bool(groups.unready) and ratio > 1
    if not up_with_unready and not groups.missing:
        return seen.replicas if within(ratio) else math.ceil(ratio * groups.ready)

    # The missing and the unready are reckoned so that they hold back whichever way it goes.
    if ratio != 1:
        counted |= {name: _assumed(metric, requests, name) if ratio < 1 else 0 for name in groups.missing}
    if up_with_unready:
        counted |= dict.fromkeys(groups.unready, 0)
    again = _ratio(metric, counted, requests)
    if within(again) or (ratio < 1 < again) or (again < 1 < ratio):
        return seen.replicas
    replicas = math.ceil(again * len(counted))
    if (again < 1 and replicas > seen.replicas) or (again > 1 and replicas < seen.replicas):
        return seen.replicas
    return replicas


@dataclass(frozen=True, kw_only=True)
class Groups:
    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def group_pods(
    resource: str, seen: Observation, usage: Mapping[str, tuple[int, Usage]], *, controller: Controller
) -> Groups:
    """Which pods count (`groupPods`)."""
    ready, unready, missing, ignored = 0, set[str](), set[str](), set[str]()
    for pod in seen.pods:
        if pod.deleted or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif pod.name not in usage:
            missing.add(pod.name)
        elif resource == "cpu" and _starting(pod, usage[pod.name][1], seen.at, controller):
            unready.add(pod.name)
        else:
            ready += 1
    return Groups(ready=ready, unready=frozenset(unready), missing=frozenset(missing), ignored=frozenset(ignored))


def _starting(pod: Pod, usage: Usage, now: float, controller: Controller) -> bool:
    """Whether a pod's CPU use tells of its start rather than of the load."""
    if pod.ready is None or pod.started_at is None:
        return True
    if pod.started_at + controller.cpu_initialization_seconds > now:
        return pod.unready or usage.at < pod.ready_changed_at + usage.window_seconds
    return pod.unready and pod.started_at + controller.initial_readiness_seconds > pod.ready_changed_at


def _usage(metric: Metric, seen: Observation) -> dict[str, tuple[int, Usage]]:
    if not seen.usage:
        raise MetricUnusable("no metrics from the resource metrics API")
    found = {}
    for name, usage in seen.usage.items():
        if metric.container is not None:
            values = [usage.containers.get(metric.container, {}).get(metric.resource)]
        else:
            values = [container.get(metric.resource) for container in usage.containers.values()]
        present = [value for value in values if value is not None]
        if values and len(present) == len(values):
            found[name] = (sum(present), usage)
    return found


def _requests(metric: Metric, pods: Iterable[Pod]) -> dict[str, int]:
    requests = {}
    for pod in pods:
        request = pod.request(metric)
        if request is None:
            raise MetricUnusable(f"pod {pod.name} has no request for {metric.name}")
        requests[pod.name] = request
    return requests


def _ratio(metric: Metric, counted: Mapping[str, int], requests: Mapping[str, int]) -> float:
    if metric.target_percent is None:
        assert metric.target_milli is not None
        return (sum(counted.values()) // len(counted)) / metric.target_milli
    known = [name for name in counted if name in requests]
    requested = sum(requests[name] for name in known)
    if requested == 0:
        raise MetricUnusable("no metrics match known pods")
    # In whole percent, rounded down, as the controller has it.
    return (sum(counted[name] for name in known) * 100 // requested) / metric.target_percent


def _assumed(metric: Metric, requests: Mapping[str, int], name: str) -> int:
    """What a pod without metrics is taken to use when it would go down."""
    if metric.target_percent is None:
        assert metric.target_milli is not None
        return metric.target_milli
    return requests[name] * max(100, metric.target_percent) // 100


def stabilize(
    spec: HpaSpec, now: float, replicas: int, recommended: int, history: History, *, controller: Controller
) -> int:
    """Between the lowest recommendation of the window upwards and the highest of the window downwards."""
    down_from = now - spec.down_window_seconds(controller)
    if spec.behavior is None:
        return max([recommended, *(count for at, count in history.recommended if at >= down_from)])
    up_from = now - spec.up_window_seconds()
    lowest = min([recommended, *(count for at, count in history.recommended if at > up_from)])
    highest = max([recommended, *(count for at, count in history.recommended if at > down_from)])
    return min(max(replicas, lowest), highest)


def limit(spec: HpaSpec, now: float, replicas: int, wanted: int, history: History) -> tuple[int, Why]:
    """As far towards `wanted` as rates and bounds allow in this sync."""
    if wanted > replicas:
        fastest = up_limit(spec, now, replicas, history)
        allowed = min(spec.max_replicas, fastest)
        if wanted > allowed:
            return allowed, "rate-limited" if fastest < spec.max_replicas else "at-maximum"
    elif wanted < replicas:
        fastest = down_limit(spec, now, replicas, history)
        allowed = max(spec.min_replicas, fastest)
        if wanted < allowed:
            return allowed, "rate-limited" if fastest > spec.min_replicas else "at-minimum"
    return wanted, "metrics"


def up_limit(spec: HpaSpec, now: float, replicas: int, history: History) -> int:
    """The most replicas that may run after this sync, whatever the maximum."""
    if spec.behavior is None:
        return max(PLAIN_UP_FACTOR * replicas, PLAIN_UP_MINIMUM)

    def proposed(policy: Policy, start: int) -> int:
        # Rounded up, or a small percentage would never add a pod.
        return start + policy.value if policy.kind == "Pods" else math.ceil(start * (1 + policy.value / 100))

    return max(replicas, _fastest(spec.behavior.up, now, replicas, history, proposed, max, min))


def down_limit(spec: HpaSpec, now: float, replicas: int, history: History) -> int:
    """The fewest replicas that may run after this sync, whatever the minimum."""
    if spec.behavior is None:
        return 0

    def proposed(policy: Policy, start: int) -> int:
        return start - policy.value if policy.kind == "Pods" else int(start * (1 - policy.value / 100))

    return min(replicas, _fastest(spec.behavior.down, now, replicas, history, proposed, min, max))


def _fastest(
    rules: Rules,
    now: float,
    replicas: int,
    history: History,
    proposed: Callable[[Policy, int], int],
    most: Callable[[Iterable[int]], int],
    least: Callable[[Iterable[int]], int],
) -> int:
    if rules.select == "Disabled":
        return replicas
    limits = [
        proposed(
            policy,
            replicas
            - _changed(history.added, now - policy.period_seconds)
            + _changed(history.removed, now - policy.period_seconds),
        )
        for policy in rules.policies
    ]
    return least(limits) if rules.select == "Min" else most(limits)


def _changed(changes: Sequence[tuple[float, int]], since: float) -> int:
    return sum(count for at, count in changes if at > since)


def course(
    spec: HpaSpec, *, replicas: int, recommend_at: Callable[[int], int], controller: Controller
) -> Iterator[tuple[float, int]]:
    """How the replicas go while the metrics recommend `recommend_at(replicas)`: (second, replicas) at each change.

    Before its start the metrics have recommended what runs. Ends when nothing can change any more, or after a day.
    """
    history = History(recommended=((0.0, replicas),))
    at, quiet_from, memory = 0.0, 0.0, memory_seconds(spec, controller) + controller.sync_seconds
    while at - quiet_from <= memory and at < LONGEST_COURSE_SECONDS:
        at += controller.sync_seconds
        seen = Observation(at=at, replicas=replicas, pods=(), usage=None)
        decision = follow(spec, seen, recommend_at(replicas), history, controller=controller)
        history = decision.history
        if decision.desired != replicas:
            replicas, quiet_from = decision.desired, at
            yield at, replicas


def memory_seconds(spec: HpaSpec, controller: Controller) -> float:
    """For how long what was matters to what will be: the longest window or period."""
    rules = (spec.behavior.up, spec.behavior.down) if spec.behavior else ()
    periods = [policy.period_seconds for rule in rules for policy in rule.policies]
    return max([spec.down_window_seconds(controller), spec.up_window_seconds(), *periods])

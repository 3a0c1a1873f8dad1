"""A cluster on paper: an autoscaler, pods that start, metrics that lag; and the faults that one can have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loadtest.autoscaling.findings import Hold
from loadtest.autoscaling.record import AutoscalingRecord, Gap, Sample, Spec
from loadtest.autoscaling.replay import History, Observation, Pod, Usage, decide
from loadtest.autoscaling.spec import HpaSpec
from loadtest.autoscaling.steps import Calibration, plan
from tests.loadtest.autoscaling.objects import CONTROLLER, GUIDE

CALIBRATION = Calibration(resource="cpu", request_milli=1000, idle_milli=50, milli_per_rps=10)
INTERVAL_SECONDS = 2
SCRAPE_SECONDS = 15
GIB = 1024**3 * 1000


@dataclass(frozen=True, kw_only=True)
class Faults:
    load_share: float = 1.0
    """Of the plan, what the pods receive."""
    memory_percent: Callable[[float], float] = lambda _: 30.0
    start_seconds: float = 8.0
    never_ready: bool = False
    metrics: Callable[[float], bool] = lambda _: True
    controller: Callable[[float], bool] = lambda _: True
    deleted_at: float = float("inf")
    writer: Callable[[float, int], int] = lambda _, replicas: replicas
    """Something else that sets the replicas, at every sync."""
    pinned: bool = False
    """Connections stay with the first pods."""
    gap: tuple[float, float] | None = None


def holds(hpa: Mapping[str, Any] = GUIDE, *, hold_seconds: float = 180.0) -> tuple[Hold, ...]:
    """The planned steps one after another, with room for metrics to lag."""
    steps = plan(
        HpaSpec.from_api(hpa),
        CALIBRATION,
        idle_percent={"cpu": 5, "memory": 30},
        controller=CONTROLLER,
        hold_seconds=hold_seconds,
    )
    at, found = 60.0, []
    for step in steps:
        end = at + step.hold_seconds + 12 * CONTROLLER.sync_seconds
        found.append(Hold(start_seconds=at, end_seconds=end, rate_rps=step.rate_rps, replicas=step.replicas))
        at = end
    return tuple(found)


def run(planned: Sequence[Hold], hpa: Mapping[str, Any] = GUIDE, faults: Faults | None = None) -> AutoscalingRecord:
    """From 0 to the end of the plan, read every two seconds."""
    faults = faults or Faults()
    spec, history = HpaSpec.from_api(hpa), History()
    replicas, made = spec.min_replicas, 0
    pods: list[Pod] = []
    usage: dict[str, Usage] | None = None
    samples: list[Sample] = []
    for now in range(-60, int(planned[-1].end_seconds) + 1):
        while len(pods) < replicas:
            pods.append(_pod(made, now))
            made += 1
        del pods[replicas:]
        pods = [_aged(pod, now, faults, first=spec.min_replicas) for pod in pods]
        if now % SCRAPE_SECONDS == 0:
            usage = _usage(pods, now, planned, faults, spec) if faults.metrics(now) else None
        if now % int(CONTROLLER.sync_seconds) == 7:
            if faults.controller(now) and now < faults.deleted_at:
                seen = Observation(at=now, replicas=replicas, pods=pods, usage=usage)
                decision = decide(spec, seen, history, controller=CONTROLLER)
                replicas, history = decision.desired, decision.history
            replicas = faults.writer(now, replicas)
        if now >= 0 and now % INTERVAL_SECONDS == 0:
            hidden = faults.gap and faults.gap[0] < now < faults.gap[1]
            if not hidden:
                samples.append(_sample(now, replicas, pods, usage, spec, deleted=now >= faults.deleted_at))
    gaps = (Gap(start=faults.gap[0], end=faults.gap[1], reason="503"),) if faults.gap else ()
    return AutoscalingRecord(
        source="kubernetes",
        interval_seconds=INTERVAL_SECONDS,
        specs=(Spec(at=-60, hpa=hpa),),
        samples=tuple(samples),
        events=(),
        gaps=gaps,
    )


def _pod(number: int, now: float) -> Pod:
    return Pod(
        name=f"pod-{number}",
        phase="Pending",
        created_at=now,
        ready=None,
        started_at=None,
        requests={"app": {"cpu": CALIBRATION.request_milli, "memory": GIB}},
    )


def _aged(pod: Pod, now: float, faults: Faults, *, first: int) -> Pod:
    if pod.phase == "Pending" and now > pod.created_at:
        return replace(pod, phase="Running", started_at=now, ready=False, ready_changed_at=now)
    old = int(pod.name.removeprefix("pod-")) < first
    if not pod.ready and now - pod.created_at >= faults.start_seconds and (old or not faults.never_ready):
        return replace(pod, ready=True, ready_changed_at=now)
    return pod


def _usage(pods: Sequence[Pod], now: float, planned: Sequence[Hold], faults: Faults, spec: HpaSpec) -> dict[str, Usage]:
    rate = next((h.rate_rps for h in planned if h.start_seconds <= now < h.end_seconds), 0.0) * faults.load_share
    serving = [pod.name for pod in pods if pod.ready]
    if faults.pinned:
        serving = serving[: spec.min_replicas]
    found = {}
    for pod in pods:
        if pod.phase == "Running":
            share = rate / len(serving) if pod.name in serving else 0.0
            cpu = round(CALIBRATION.idle_milli + share * CALIBRATION.milli_per_rps)
            memory = round(GIB * faults.memory_percent(now) / 100)
            found[pod.name] = Usage(at=now, window_seconds=15, containers={"app": {"cpu": cpu, "memory": memory}})
    return found


def _sample(
    now: float, replicas: int, pods: Sequence[Pod], usage: dict[str, Usage] | None, spec: HpaSpec, *, deleted: bool
) -> Sample:
    return Sample(
        at=now,
        replicas=replicas,
        ready=sum(bool(pod.ready) for pod in pods),
        pods=tuple(pods),
        usage=usage,
        metrics_error=None if usage is not None else "GET /apis/metrics.k8s.io/v1beta1: 503 Service Unavailable",
        desired=None if deleted else replicas,
        current=None if deleted else len(pods),
        minimum=None if deleted else spec.min_replicas,
        maximum=None if deleted else spec.max_replicas,
    )

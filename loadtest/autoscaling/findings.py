"""What the rules about an autoscaler start from, and what they return."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from loadtest.autoscaling import elasticity
from loadtest.autoscaling.record import AutoscalingRecord, Sample
from loadtest.autoscaling.replay import Observation, Pod, Usage, recommend
from loadtest.autoscaling.spec import Controller, HpaSpec

Kind = Literal["autoscaler_wrong", "load_did_not_warrant_scaling", "invalid_run"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: Kind
    rule: str
    text: str
    at_seconds: float


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Seconds that each part may take."""

    load: float = 15
    """Until the offered load has settled in the pods."""
    scrape: float = 30
    aggregate: float = 30
    serve: float = 15
    """Those three: until the metrics API shows it."""
    actuate: float = 10
    policy: float = 60
    """What stabilization and rate limits may add before a step up is complete."""
    ready: float = 60
    """From a pod's creation to Ready."""

    def divided(self, by: float) -> "Budgets":
        """All of them, for an autoscaler whose own times are divided so."""
        return Budgets(**{name: seconds / by for name, seconds in asdict(self).items()})

    def metrics(self) -> float:
        return self.scrape + self.aggregate + self.serve

    def reaction(self, controller: Controller) -> float:
        """From a change of load to the first answer."""
        return self.load + self.metrics() + controller.sync_seconds + self.actuate


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A part of the plan in which the load stays and the replicas are to settle at `replicas`."""

    start_seconds: float
    end_seconds: float
    rate_rps: float
    replicas: int


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """`holds` in order, from the resting count up and back to it."""

    holds: tuple[Hold, ...]
    rps_per_replica: float | None = None
    budgets: Budgets = field(default_factory=Budgets)
    gates: elasticity.Gates = field(default_factory=elasticity.Gates)
    controller: Controller = field(default_factory=Controller)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A sample, the spec in force, and what its metrics ask for by the replay; None: no usable metrics."""

    sample: Sample
    spec: HpaSpec
    asked: int | None

    @property
    def at(self) -> float:
        return self.sample.at


@dataclass(frozen=True, kw_only=True)
class Run:
    """A record beside its plan, replayed."""

    record: AutoscalingRecord
    expected: Expectations
    moments: tuple[Moment, ...]


def replayed(record: AutoscalingRecord, controller: Controller) -> tuple[Moment, ...]:
    """Every sample with what the controller should have made of it."""
    specs = [(spec.at, HpaSpec.from_api(spec.hpa)) for spec in record.specs]
    moments = []
    for sample in record.samples:
        known = [spec for at, spec in specs if at <= sample.at]
        if known:
            asked = recommend(known[-1], observation(sample), controller=controller)
            moments.append(Moment(sample=sample, spec=known[-1], asked=asked))
    return tuple(moments)


def observation(sample: Sample) -> Observation:
    return Observation(at=sample.at, replicas=sample.replicas, pods=sample.pods, usage=sample.usage)


def use_percent(pods: Sequence[Pod], usage: Mapping[str, Usage] | None, spec: HpaSpec) -> dict[str, float]:
    """Use of the requests, over all ready pods, by resource."""
    found = {}
    for metric in spec.metrics:
        used = requested = 0
        for pod in pods:
            if pod.ready and not pod.deleted and usage and pod.name in usage:
                of_pod = usage[pod.name].containers
                names = [name for name in pod.requests if metric.container in (None, name)]
                used += sum(of_pod.get(name, {}).get(metric.resource, 0) for name in names)
                requested += pod.request(metric) or 0
        if requested:
            found[metric.resource] = 100 * used / requested
    return found


def span_of(counts: Sequence[int]) -> str:
    if not counts:
        return "nothing"
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def wrong(rule: str, text: str, at: float) -> Finding:
    return Finding(kind="autoscaler_wrong", rule=rule, text=text, at_seconds=at)


def invalid(rule: str, text: str, at: float) -> Finding:
    return Finding(kind="invalid_run", rule=rule, text=text, at_seconds=at)

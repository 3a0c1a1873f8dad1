"""What one arrival a second costs the pods, measured before the steps that are worked out from it. Pure.

First no load, then one rate, held: what the pods use more in the second, divided by what was really offered. Each
reading is one window of the metrics API that lies wholly inside its phase, paired with the arrivals of that very
window, so that the chance of the arrivals cancels out.

Source: Cochran, "Sampling Techniques", 3rd edition, section 6.4: the ratio estimator and its standard error.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Final

from loadtest.autoscaling.findings import use_percent
from loadtest.autoscaling.record import AutoscalingRecord, Sample
from loadtest.autoscaling.spec import HpaSpec, Metric
from loadtest.autoscaling.steps import Calibration, Infeasible

LEAST_READINGS: Final = 5
STUDENT: Final = 2.8
"""Half a 95 % interval in standard errors, for that many readings; for more it is less. Student's t."""
APART_SHARE: Final = 0.8
"""Of a window, how much later the next one must end to count as another: stamps are whole seconds."""
MOST_OFF_REPLICAS: Final = 0.5
"""A step aims half a replica below its count: with more doubt than that it may ask for another."""


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A calibration, and how well it is known. Thousandths of the resource's unit."""

    namespace: str
    hpa: str
    resource: str
    request_milli: int
    idle_milli: float
    """Of one pod without load."""
    milli_per_rps: float
    """Usage of all pods together that one arrival a second adds."""
    uncertainty: float
    """Half the 95 % interval of `milli_per_rps`, as a share of it."""
    readings: int
    offered_rps: float
    journeys: Mapping[str, float]
    """Their shares in the arrivals: others cost another amount."""
    source: str | None = None
    """When the run began that measured it; None: this one."""

    def sentence(self) -> str:
        where = "measured in this run" if self.source is None else f"from the run of {self.source}"
        how = f"good to {self.uncertainty:.1%}, {self.readings} readings at {self.offered_rps:.4g}/s"
        return (
            f"one arrival a second costs {self.milli_per_rps:.4g} m of {self.resource} ({how}; an idle pod uses "
            f"{self.idle_milli:.4g} m), {where}"
        )

    def of_pods(self, request_milli: int, idle_milli: float) -> Calibration:
        return Calibration(
            resource=self.resource,
            request_milli=request_milli,
            idle_milli=idle_milli,
            milli_per_rps=self.milli_per_rps,
        )


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Seconds of the run in which the load was the same and had settled."""

    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Reading:
    start: float
    end: float
    milli: float
    """Use of all pods together."""
    sample: Sample


def measured(
    record: AutoscalingRecord, started: Sequence[int], *, idle: Stretch, loaded: Stretch, journeys: Mapping[str, float]
) -> Calibrated:
    """`started`: arrivals of each second of the run. Raises Infeasible with what is missing."""
    spec = spec_of(record)
    metric = steered_by(spec)
    without, under = (list(readings(record, metric, stretch)) for stretch in (idle, loaded))
    for what, found in (("without load", without), ("under load", under)):
        if len(found) < LEAST_READINGS:
            raise Infeasible(
                [
                    f"the metrics API gave {len(found)} readings {what} and a calibration needs {LEAST_READINGS}: "
                    "look at its metrics-server, or give --calibration an earlier report"
                ]
            )
    counts = {reading.sample.replicas for reading in (*without, *under)}
    if len(counts) > 1:
        raise Infeasible(
            [
                f"there were {min(counts)} and {max(counts)} replicas while it was calibrated: lower --rate, or wait "
                "until they have come to rest"
            ]
        )
    base = mean(reading.milli for reading in without)
    rates = [_arrivals(started, reading) / (reading.end - reading.start) for reading in under]
    rises = [reading.milli - base for reading in under]
    offered, rise = mean(rates), mean(rises)
    if rise <= 0 or offered <= 0:
        raise Infeasible(
            [
                f"{offered:.4g} arrivals/s do not show in the {metric.name} of the pods: raise --rate, or look where "
                "they go"
            ]
        )
    cost = rise / offered
    residuals = [rise - cost * rate for rise, rate in zip(rises, rates, strict=True)]
    error = math.hypot(_error(residuals), _error([reading.milli for reading in without]))
    pods = len(use_pods(under[-1].sample))
    return Calibrated(
        namespace=spec.namespace,
        hpa=spec.name,
        resource=metric.resource,
        request_milli=request_milli(under[-1].sample, metric),
        idle_milli=base / pods,
        milli_per_rps=cost,
        uncertainty=STUDENT * error / rise,
        readings=len(under),
        offered_rps=offered,
        journeys=dict(journeys),
    )


def _error(values: Sequence[float]) -> float:
    """Of their mean."""
    return stdev(values) / math.sqrt(len(values))


def _arrivals(started: Sequence[int], reading: Reading) -> float:
    """Of a window: seconds that it cuts count by their part in it."""
    first, last = math.floor(reading.start), math.ceil(reading.end)
    inside = ((second, min(second + 1, reading.end) - max(second, reading.start)) for second in range(first, last))
    return sum(started[second] * part for second, part in inside if 0 <= second < len(started))


def readings(record: AutoscalingRecord, metric: Metric, stretch: Stretch) -> Iterator[Reading]:
    """One window after another, none twice."""
    last = -math.inf
    for sample in record.samples:
        pods = use_pods(sample)
        if not pods or sample.usage is None or any(name not in sample.usage for name in pods):
            continue
        usages = [sample.usage[name] for name in pods]
        start, end = min(u.at - u.window_seconds for u in usages), max(u.at for u in usages)
        window = max(u.window_seconds for u in usages)
        if start < stretch.start or end > stretch.end or end - last < APART_SHARE * window:
            continue
        last = end
        used = sum(
            of_container.get(metric.resource, 0)
            for usage in usages
            for name, of_container in usage.containers.items()
            if metric.container in (None, name)
        )
        yield Reading(start=start, end=end, milli=float(used), sample=sample)


def use_pods(sample: Sample) -> list[str]:
    """Those that work. None, unless all do: one that starts burns for itself."""
    alive = [pod for pod in sample.pods if not pod.deleted]
    return [pod.name for pod in alive] if all(pod.ready for pod in alive) else []


def spec_of(record: AutoscalingRecord) -> HpaSpec:
    if not record.specs:
        raise Infeasible(["the sampler has not seen the autoscaler: look at the log of the run"])
    return HpaSpec.from_api(record.specs[-1].hpa)


def steered_by(spec: HpaSpec) -> Metric:
    """The metric that a load moves: CPU where the autoscaler goes by it, else the first."""
    known = [metric for metric in spec.metrics if metric.target_percent is not None]
    if not known:
        raise Infeasible([f"HPA {spec.name} has no utilization target: give the steps themselves, not --calibration"])
    return next((metric for metric in known if metric.resource == "cpu"), known[0])


def request_milli(sample: Sample, metric: Metric) -> int:
    """Of one pod; 0 where there is none."""
    return next((pod.request(metric) or 0 for pod in sample.pods if not pod.deleted), 0)


def idle_percent(record: AutoscalingRecord, spec: HpaSpec, *, until: float) -> Mapping[str, float]:
    """By resource, as last seen by then."""
    seen = [sample for sample in record.samples if sample.at <= until and sample.usage]
    return use_percent(seen[-1].pods, seen[-1].usage, spec) if seen else {}


def too_rough(calibrated: Calibrated, counts: Sequence[int]) -> list[str]:
    """Why steps to that many replicas cannot be aimed with it; nothing where they can."""
    highest = max(counts)
    allowed = MOST_OFF_REPLICAS / (highest - MOST_OFF_REPLICAS)
    if calibrated.uncertainty <= allowed:
        return []
    return [
        f"the calibration is good to {calibrated.uncertainty:.1%}, and a step to {highest} replicas needs "
        f"{allowed:.1%}: calibrate at a higher --rate, with --arrivals constant, or aim lower (climb)"
    ]

"""What the sampler writes and the verdict reads: one dataclass a line of JSON.

Times are seconds: since 1970 in the sampler's file, since the run's start in an AutoscalingRecord. Those that the
cluster stamps (pods, usage, events) are by the cluster's clock in the file, and put onto ours in the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from loadtest.autoscaling.replay import Pod, Usage

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Begin:
    at: float
    namespace: str
    name: str
    source: str
    interval_seconds: float
    version: int = VERSION
    kind: Literal["begin"] = "begin"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The autoscaler's JSON, at the start and whenever it changes."""

    at: float
    hpa: Mapping[str, Any]
    kind: Literal["spec"] = "spec"


@dataclass(frozen=True, kw_only=True)
class Condition:
    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The autoscaler and its pods at one moment; `desired` and what follows are None while there is no autoscaler."""

    at: float
    replicas: int
    """Asked for in the workload's spec; what the controller starts from."""
    ready: int
    pods: tuple[Pod, ...]
    usage: Mapping[str, Usage] | None
    """None where the metrics API gave an error, kept in `metrics_error`."""
    metrics_error: str | None = None
    desired: int | None = None
    current: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    utilization_percent: Mapping[str, int] = field(default_factory=dict)
    """As the controller last wrote it, by resource."""
    conditions: tuple[Condition, ...] = ()
    cluster_clock_ahead_seconds: float | None = None
    """By the Date of the answers, good to a second; None where unknown."""
    kind: Literal["sample"] = "sample"


@dataclass(frozen=True, kw_only=True)
class Event:
    at: float
    reason: str
    message: str
    type: str
    kind: Literal["event"] = "event"


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Between two samples nothing could be read. Never filled in."""

    start: float
    end: float
    reason: str
    kind: Literal["gap"] = "gap"


@dataclass(frozen=True, kw_only=True)
class End:
    at: float
    kind: Literal["end"] = "end"


Line = Begin | Spec | Sample | Event | Gap | End
LINE: TypeAdapter[Line] = TypeAdapter(Line)


@dataclass(frozen=True, kw_only=True)
class AutoscalingRecord:
    """A whole run, in seconds since its start."""

    source: str
    interval_seconds: float
    specs: tuple[Spec, ...]
    samples: tuple[Sample, ...]
    events: tuple[Event, ...]
    gaps: tuple[Gap, ...]

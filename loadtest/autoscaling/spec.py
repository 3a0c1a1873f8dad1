"""What a HorizontalPodAutoscaler asks for, as typed values with the defaults of the API and the controller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from loadtest.autoscaling.quantity import exact, milli

PolicyKind = Literal["Pods", "Percent"]
Select = Literal["Max", "Min", "Disabled"]


class UnsupportedAutoscaler(ValueError):
    """An autoscaler whose decisions this suite cannot replay, with the field that is in the way."""


@dataclass(frozen=True, kw_only=True)
class Controller:
    """Flags of the controller manager, which no API tells; the defaults of Kubernetes, which the managed clouds keep.

    Source: kube-controller-manager, `--horizontal-pod-autoscaler-*`.
    """

    sync_seconds: float = 15
    downscale_stabilization_seconds: float = 300
    tolerance: float = 0.1
    cpu_initialization_seconds: float = 300
    initial_readiness_seconds: float = 30

    def divided(self, by: float) -> "Controller":
        """All its times divided."""
        return Controller(
            sync_seconds=self.sync_seconds / by,
            downscale_stabilization_seconds=self.downscale_stabilization_seconds / by,
            tolerance=self.tolerance,
            cpu_initialization_seconds=self.cpu_initialization_seconds / by,
            initial_readiness_seconds=self.initial_readiness_seconds / by,
        )


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One resource metric; exactly one of the two targets is set."""

    resource: str
    container: str | None = None
    target_percent: int | None = None
    """Share of the request, over all pods together."""
    target_milli: int | None = None
    """Usage of a pod in thousandths of the resource's unit."""

    @property
    def name(self) -> str:
        return f"{self.resource} of container {self.container}" if self.container else self.resource


@dataclass(frozen=True, kw_only=True)
class Policy:
    kind: PolicyKind
    value: int
    period_seconds: int


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How fast it may go one way. `None` where the controller's own flag decides."""

    policies: tuple[Policy, ...]
    select: Select = "Max"
    stabilization_seconds: int | None = None
    tolerance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Behavior:
    up: Rules
    down: Rules


# Source: Kubernetes, pkg/apis/autoscaling/v2/defaults.go.
DEFAULT_UP: Final = Rules(
    policies=(
        Policy(kind="Pods", value=4, period_seconds=15),
        Policy(kind="Percent", value=100, period_seconds=15),
    ),
    stabilization_seconds=0,
)
DEFAULT_DOWN: Final = Rules(policies=(Policy(kind="Percent", value=100, period_seconds=15),))


@dataclass(frozen=True, kw_only=True)
class HpaSpec:
    """`behavior` is None where the object has none: then the controller follows older rules of its own."""

    namespace: str
    name: str
    target_kind: str
    target_name: str
    min_replicas: int
    max_replicas: int
    metrics: tuple[Metric, ...]
    behavior: Behavior | None = None

    @classmethod
    def from_api(cls, hpa: Mapping[str, Any]) -> "HpaSpec":
        """From the JSON of `autoscaling/v2`, as the API server answers it."""
        spec, meta = hpa["spec"], hpa.get("metadata", {})
        behavior = spec.get("behavior")
        return cls(
            namespace=meta.get("namespace", "default"),
            name=meta.get("name", ""),
            target_kind=spec["scaleTargetRef"]["kind"],
            target_name=spec["scaleTargetRef"]["name"],
            # None stays apart from 0, which means "may scale to zero".
            min_replicas=1 if spec.get("minReplicas") is None else spec["minReplicas"],
            max_replicas=spec["maxReplicas"],
            metrics=_metrics(spec.get("metrics") or ()),
            behavior=behavior
            and Behavior(
                up=_rules(behavior.get("scaleUp"), DEFAULT_UP), down=_rules(behavior.get("scaleDown"), DEFAULT_DOWN)
            ),
        )

    def tolerances(self, controller: Controller) -> tuple[float, float]:
        """How far below and above its target a metric may be and change nothing. A field of each HPA since 1.35."""
        if self.behavior is None:
            return controller.tolerance, controller.tolerance
        down, up = self.behavior.down.tolerance, self.behavior.up.tolerance
        return controller.tolerance if down is None else down, controller.tolerance if up is None else up

    def down_window_seconds(self, controller: Controller) -> float:
        """For how long a higher recommendation keeps the replicas up."""
        own = self.behavior.down.stabilization_seconds if self.behavior else None
        return controller.downscale_stabilization_seconds if own is None else own

    def up_window_seconds(self) -> float:
        """For how long a lower recommendation keeps the replicas down."""
        return (self.behavior.up.stabilization_seconds or 0) if self.behavior else 0


def _metrics(metrics: Sequence[Mapping[str, Any]]) -> tuple[Metric, ...]:
    if not metrics:
        return (Metric(resource="cpu", target_percent=80),)
    return tuple(_metric(index, metric) for index, metric in enumerate(metrics))


def _metric(index: int, metric: Mapping[str, Any]) -> Metric:
    kind = metric["type"]
    source = metric.get(kind[:1].lower() + kind[1:])
    if kind not in ("Resource", "ContainerResource") or source is None:
        raise UnsupportedAutoscaler(
            f"spec.metrics[{index}].type = {kind}: only Resource and ContainerResource can be replayed; "
            "run without --autoscaling, or scale on CPU and memory"
        )
    target = source["target"]
    average = target.get("averageValue")
    return Metric(
        resource=source["name"],
        container=source.get("container"),
        target_percent=target.get("averageUtilization") if average is None else None,
        target_milli=None if average is None else milli(average),
    )


def _rules(rules: Mapping[str, Any] | None, default: Rules) -> Rules:
    rules = rules or {}
    policies = rules.get("policies")
    window, tolerance = rules.get("stabilizationWindowSeconds"), rules.get("tolerance")
    return Rules(
        policies=default.policies
        if policies is None
        else tuple(
            Policy(kind=cast(PolicyKind, p["type"]), value=p["value"], period_seconds=p["periodSeconds"])
            for p in policies
        ),
        select=rules.get("selectPolicy") or default.select,
        stabilization_seconds=default.stabilization_seconds if window is None else window,
        tolerance=None if tolerance is None else float(exact(tolerance)),
    )

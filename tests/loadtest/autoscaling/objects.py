"""The HPA of the deployment guide, and pods to go with it."""

from dataclasses import replace
from typing import Any

from loadtest.autoscaling.calibrate import Calibrated
from loadtest.autoscaling.replay import Observation, Pod, Usage
from loadtest.autoscaling.spec import Controller, HpaSpec

CONTROLLER = Controller()

GUIDE: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "portal-frontend", "namespace": "developer-portal"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "portal-frontend"},
        "minReplicas": 3,
        "maxReplicas": 20,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
            },
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}},
            },
        ],
        "behavior": {
            "scaleDown": {
                "stabilizationWindowSeconds": 300,
                "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
            },
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 15},
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                ],
                "selectPolicy": "Max",
            },
        },
    },
}

SPEC = HpaSpec.from_api(GUIDE)


def changed(**spec: Any) -> dict[str, Any]:
    """The guide's HPA with other fields in its spec; None takes one away."""
    fields = {key: value for key, value in (GUIDE["spec"] | spec).items() if value is not None}
    return GUIDE | {"spec": fields}


def calibration(**changes: Any) -> Calibrated:
    """Of the guide's HPA: 30m of CPU for an arrival a second."""
    found = Calibrated(
        namespace="developer-portal",
        hpa="portal-frontend",
        resource="cpu",
        request_milli=1000,
        idle_milli=50,
        milli_per_rps=30,
        uncertainty=0.01,
        readings=12,
        offered_rps=20,
        journeys={"PortalHealth": 1.0},
    )
    return replace(found, **changes)


def pod(name: str, **fields: Any) -> Pod:
    """A pod that has been ready for long and asks for 1 CPU and 1 GiB."""
    facts: dict[str, Any] = {"requests": {"app": {"cpu": 1000, "memory": 1024**3 * 1000}}, "started_at": -10_000.0}
    return Pod(**(facts | {"name": name, "ready_changed_at": -9_990.0} | fields))


def usage(cpu_percent: float, memory_percent: float = 30, **fields: Any) -> Usage:
    containers = {"app": {"cpu": round(cpu_percent * 10), "memory": round(memory_percent * 1024**3 * 10)}}
    facts: dict[str, Any] = {"at": 0.0, "window_seconds": 30.0, "containers": containers}
    return Usage(**(facts | fields))


def seen(cpu_percents: list[float], *, at: float = 0.0, replicas: int | None = None) -> Observation:
    """Ready pods, each with its use of CPU."""
    names = [f"pod-{index}" for index in range(len(cpu_percents))]
    return Observation(
        at=at,
        replicas=len(names) if replicas is None else replicas,
        pods=[pod(name) for name in names],
        usage={name: usage(percent, at=at) for name, percent in zip(names, cpu_percents, strict=True)},
    )

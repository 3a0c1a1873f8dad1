"""The real HPA controller and the replay, side by side over the same syncs.

Every autoscaler has a spec and a load of its own, drawn with a seed. The metrics service sees each sync; watches tell
which pods and how many replicas there were then. What the controller decided is how many there are at the next sync.
"""

import random
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.replay import Decision, History, Observation, decide
from loadtest.autoscaling.spec import Controller, HpaSpec
from tests.cluster.watched import Watched
from tools.cluster.controlplane import ControlPlane
from tools.cluster.metrics import Asked, Items

# Everything a tenth of what clusters have. Windows and periods are odd and syncs are every two seconds, so that what
# falls into a window does not hang on milliseconds.
CONTROLLER: Final = Controller(
    sync_seconds=2, downscale_stabilization_seconds=11, cpu_initialization_seconds=9, initial_readiness_seconds=3
)
FLAGS: Final = {
    "horizontal-pod-autoscaler-sync-period": "2s",
    "horizontal-pod-autoscaler-downscale-stabilization": "11s",
    "horizontal-pod-autoscaler-cpu-initialization-period": "9s",
    "horizontal-pod-autoscaler-initial-readiness-delay": "3s",
    "concurrent-horizontal-pod-autoscaler-syncs": "20",
    "concurrent-deployment-syncs": "20",
    "concurrent-replicaset-syncs": "20",
}
ODD_SECONDS: Final = (1, 3, 5, 7, 9, 13)
REQUEST_MILLICORES: Final = 1000
REQUEST_MEBIBYTES: Final = 1024
NEAR_SECONDS: Final = (-0.4, -0.2, -0.1, -0.03, 0.03, 0.1, 0.2, 0.4)
"""How far the controller's own view, a cache, may be from ours."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One autoscaler with its workload and load."""

    namespace: str
    name: str
    hpa: dict[str, Any]
    ready_after: str
    load: tuple[tuple[float, int], ...]
    """(seconds from the start, millicores in all)."""
    memory_percent: tuple[tuple[float, int], ...]
    fails: tuple[float, float]
    """From when to when its metrics are an error."""

    @property
    def selector(self) -> str:
        return f"app={self.name}"


def drawn(seed: int, count: int, namespace: str, seconds: float) -> list[Subject]:
    """`count` autoscalers, the same for the same seed."""
    chance = random.Random(seed)
    return [_subject(chance, namespace, f"app-{index}", seconds) for index in range(count)]


def _subject(chance: random.Random, namespace: str, name: str, seconds: float) -> Subject:
    least = chance.randint(1, 4)
    most = least + chance.randint(1, 10)
    metrics = [_metric("cpu", chance.choice([30, 50, 70, 90, 120]))]
    if chance.random() < 0.4:
        metrics.append(_metric("memory", chance.choice([60, 80])))
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": metrics,
    }
    if chance.random() < 0.85:
        spec["behavior"] = {"scaleUp": _rules(chance), "scaleDown": _rules(chance)}
    moments = [round(chance.uniform(0, seconds), 1) for _ in range(int(seconds / 7))]
    fails_at = chance.uniform(0, seconds) if chance.random() < 0.15 else seconds * 2
    return Subject(
        namespace=namespace,
        name=name,
        hpa={"metadata": {"name": name, "namespace": namespace}, "spec": spec},
        ready_after=chance.choice(["0s", "0s", "2s", "5s", "12s"]),
        load=tuple((at, chance.randint(0, int(most * REQUEST_MILLICORES * 1.3))) for at in sorted([0.0, *moments])),
        memory_percent=tuple((at, chance.randint(20, 110)) for at in sorted([0.0, *moments[:3]])),
        fails=(fails_at, fails_at + 8),
    )


def _metric(resource: str, percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}


def _rules(chance: random.Random) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    if chance.random() < 0.8:
        rules["policies"] = [
            {
                "type": chance.choice(["Pods", "Percent"]),
                "value": chance.choice([1, 2, 4, 10, 50, 100]),
                "periodSeconds": chance.choice(ODD_SECONDS),
            }
            for _ in range(chance.randint(1, 3))
        ]
    if chance.random() < 0.7:
        rules["stabilizationWindowSeconds"] = chance.choice([0, *ODD_SECONDS])
    if chance.random() < 0.5:
        rules["selectPolicy"] = chance.choice(["Max", "Min", "Disabled"])
    if chance.random() < 0.3:
        rules["tolerance"] = chance.choice(["0", "20m", "200m"])
    return rules


def deployment(subject: Subject) -> dict[str, Any]:
    labels = {"app": subject.name}
    requests = {"cpu": f"{REQUEST_MILLICORES}m", "memory": f"{REQUEST_MEBIBYTES}Mi"}
    return {
        "metadata": {"name": subject.name},
        "spec": {
            "replicas": subject.hpa["spec"]["minReplicas"],
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {"cluster.portal/ready-after": subject.ready_after}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "app", "image": "example.com/app:1", "resources": {"requests": requests}}],
                },
            },
        },
    }


class World(Watched):
    """A namespace of subjects; and from their loads and pods what the metrics say."""

    def __init__(self, cluster: ControlPlane, subjects: list[Subject]) -> None:
        super().__init__(cluster, subjects[0].namespace, label="app")
        self.subjects = {subject.selector: subject for subject in subjects}
        self.started = time.time()

    def usage(self, namespace: str, selector: str, now: float) -> Items | None:
        """The load split over the ready pods; starting ones burn CPU; a few pods have no metrics at first."""
        subject = self.subjects.get(selector)
        if subject is None or namespace != self.namespace:
            return []
        since = now - self.started
        if subject.fails[0] <= since < subject.fails[1]:
            return None
        running = [pod for pod in self.pods(subject.name, now) if pod.phase == "Running" and not pod.deleted]
        ready = [pod.name for pod in running if pod.ready]
        items = []
        for pod in running:
            own = random.Random(pod.name)
            if now - pod.created_at < own.choice([0, 0, 3, 8]):
                continue
            share = _at(subject.load, since) / len(ready) if pod.name in ready else own.randint(0, 1500)
            cpu = round(share * own.uniform(0.8, 1.2))
            memory = round(REQUEST_MEBIBYTES * _at(subject.memory_percent, since) / 100)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - own.uniform(0, 2)))
            items.append(
                {
                    "metadata": {"name": pod.name, "namespace": namespace},
                    "timestamp": stamp,
                    "window": "2s",
                    "containers": [{"name": "app", "usage": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}}],
                }
            )
        return items


def _at(series: tuple[tuple[float, int], ...], moment: float) -> int:
    return next(value for at, value in reversed(series) if at <= moment)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One sync, decided twice. `near` is whether the replay agrees a moment earlier or later."""

    subject: Subject
    at: float
    replicas: int
    real: int
    replayed: Decision
    near: bool

    @property
    def agrees(self) -> bool:
        return self.real == self.replayed.desired


def compared(world: World, asked: list[Asked]) -> list[Compared]:
    """Every sync but the last of each autoscaler, whose outcome nobody saw."""
    syncs: defaultdict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        if each.namespace == world.namespace and each.selector in world.subjects:
            syncs[each.selector].append(each)
    return [found for selector, list in syncs.items() for found in _of_one(world, world.subjects[selector], list)]


def _of_one(world: World, subject: Subject, syncs: list[Asked]) -> list[Compared]:
    spec, history, found = HpaSpec.from_api(subject.hpa), History(), []
    for sync, following in pairwise(syncs):
        # Just before the next sync: by then this one's outcome is written, and that one's is not.
        real = world.replicas(subject.name, following.at)
        replicas = world.replicas(subject.name, sync.at)

        def seen(shift: float, sync: Asked = sync, replicas: int = replicas) -> Observation:
            usage = None
            if sync.items is not None:
                usage = {item["metadata"]["name"]: api_objects.usage(item) for item in sync.items}
            pods = world.pods(subject.name, sync.at + shift)
            return Observation(at=sync.at + shift, replicas=replicas, pods=pods, usage=usage)

        decision = decide(spec, seen(0), history, controller=CONTROLLER)
        # On a busy machine a change is written, or we hear of it, after the next sync has begun; the autoscaler's
        # status, or the Deployment a moment later, then say what was decided in this one.
        until = following.at + NEAR_SECONDS[-1]
        told = world.decided(subject.name, sync.at, until)
        near = (
            decision.desired == world.replicas(subject.name, until)
            or (replicas, decision.desired) in told
            or any(decide(spec, seen(shift), history, controller=CONTROLLER).desired == real for shift in NEAR_SECONDS)
        )
        found.append(Compared(subject=subject, at=sync.at, replicas=replicas, real=real, replayed=decision, near=near))
        history = _as_it_was(decision, history, sync.at, replicas, real, spec)
    return found


def _as_it_was(decision: Decision, before: History, at: float, replicas: int, real: int, spec: HpaSpec) -> History:
    """What the controller remembers: its own changes, also where the replay would have made others."""
    after = replace(decision.history, added=before.added, removed=before.removed)
    return after.changed(spec, at=at, by=real - replicas)

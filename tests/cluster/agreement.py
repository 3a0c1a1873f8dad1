"""The real HPA controller and the replay, side by side over the same syncs.

Every autoscaler has a spec, a load and mishaps of its own, drawn with a seed. The metrics service sees each sync, and
reads in it how many replicas there are; a watch tells which pods. What the controller decided is how many there are at
the next sync: it does one after another, so that what one changed is there when the next asks for metrics.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.replay import Decision, History, Observation, Usage, decide
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
SIDECAR_SHARE: Final = 0.25
"""Of what the container beside asks for."""
NEAR_SECONDS: Final = (0, -0.03, 0.03, -0.1, 0.1, -0.2, 0.2, -0.4, 0.4)
"""How far the controller's own view of pods, a cache, may be from ours; and for how long it thinks."""
LATE_SECONDS: Final = 0.7
"""What is late by more upsets the order of syncs and mishaps, and one sync may get two answers."""
BETWEEN_SYNCS_SECONDS: Final = CONTROLLER.sync_seconds / 2


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One autoscaler with its workload and load. Moments are seconds from the start."""

    namespace: str
    name: str
    hpa: dict[str, Any]
    ready_after: str
    load: tuple[tuple[float, int], ...]
    """(from when, millicores in all)."""
    memory_percent: tuple[tuple[float, int], ...]
    fails: tuple[float, float]
    """From when to when its metrics are an error."""
    blind: tuple[float, float, str]
    """From when to when they lack a resource."""
    sidecar: bool
    """Whether its pods have a second container."""
    host_port: int | None
    """Where set, a node takes one of its pods and the others wait; those that are deleted then stay for good."""
    strangers: int
    """Pods that only its selector takes for its own."""
    strangers_are_measured: bool
    mishaps: tuple[tuple[float, int | None], ...]
    """(when, replicas out of bounds) that somebody else writes; None: one of its pods fails."""

    @property
    def selector(self) -> str:
        return f"app={self.name}"


def drawn(seed: int, count: int, namespace: str, seconds: float) -> list[Subject]:
    """`count` autoscalers, the same for the same seed."""
    chance = random.Random(seed)
    return [_subject(chance, namespace, index, seconds) for index in range(count)]


def _subject(chance: random.Random, namespace: str, index: int, seconds: float) -> Subject:
    name, never = f"app-{index}", seconds * 2
    least = chance.randint(1, 4)
    most = least + chance.randint(1, 10)
    sidecar = chance.random() < 0.4
    metrics = [_metric(chance, "cpu", [30, 50, 70, 120, 150], "m", sidecar)]
    if chance.random() < 0.5:
        metrics.append(_metric(chance, "memory", [60, 80], "Mi", sidecar))
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": metrics,
    }
    if chance.random() < 0.85:
        spec["behavior"] = {"scaleUp": _rules(chance), "scaleDown": _rules(chance)}
    highest = int(most * REQUEST_MILLICORES * 1.3)
    moments = sorted(round(chance.uniform(0, seconds), 1) for _ in range(int(seconds / chance.choice([3, 7]))))
    load = [(at, chance.randint(0, highest)) for at in (0.0, *moments)]
    if chance.random() < 0.25:
        # Up and down again and again, so that each way counts what the other did, as far as it is remembered.
        periods = chance.sample(ODD_SECONDS, 2)
        spec["behavior"] = dict(zip(("scaleUp", "scaleDown"), map(_one_by_one, periods), strict=True))
        load = [(5.0 * turn, highest * (turn % 2)) for turn in range(int(seconds / 5))]
    fails_at = chance.uniform(0, seconds) if chance.random() < 0.15 else never
    blind_at = chance.uniform(0, seconds * 0.7) if chance.random() < 0.3 else never
    outside = [most + chance.randint(1, 3), *range(1, least)]
    return Subject(
        namespace=namespace,
        name=name,
        hpa={"metadata": {"name": name, "namespace": namespace}, "spec": spec},
        ready_after=chance.choice(["0s", "0s", "2s", "5s", "12s"]),
        load=tuple(load),
        memory_percent=tuple((at, chance.randint(20, 110)) for at in (0.0, *moments[::3])),
        fails=(fails_at, fails_at + 8),
        blind=(blind_at, blind_at + 15, chance.choice(["cpu", "memory"])),
        sidecar=sidecar,
        host_port=20000 + index if chance.random() < 0.3 else None,
        strangers=chance.randint(1, 4) if chance.random() < 0.35 else 0,
        strangers_are_measured=chance.random() < 0.4,
        mishaps=tuple(
            sorted([*_times(chance, seconds, outside), *_times(chance, seconds, [None])], key=lambda m: m[0])
        ),
    )


def _times(chance: random.Random, seconds: float, choices: Sequence[int | None]) -> Iterator[tuple[float, int | None]]:
    """Five in one subject of five, none in the others."""
    if chance.random() < 0.2:
        yield from ((chance.uniform(5, seconds), chance.choice(choices)) for _ in range(5))


def _metric(chance: random.Random, resource: str, percents: list[int], unit: str, sidecar: bool) -> dict[str, Any]:
    percent = chance.choice(percents)
    target: dict[str, Any] = {"type": "Utilization", "averageUtilization": percent}
    if chance.random() < 0.3:
        target = {"type": "AverageValue", "averageValue": f"{10 * percent}{unit}"}
    if sidecar and chance.random() < 0.5:
        container = {"name": resource, "container": "app", "target": target}
        return {"type": "ContainerResource", "containerResource": container}
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


def _one_by_one(period_seconds: int) -> dict[str, Any]:
    policies = [{"type": "Pods", "value": 2, "periodSeconds": period_seconds}]
    return {"policies": policies, "stabilizationWindowSeconds": 0}


def deployment(subject: Subject) -> dict[str, Any]:
    template = _pod(subject, subject.ready_after)
    if subject.host_port:
        template["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": subject.host_port}]
        template["metadata"]["finalizers"] = ["cluster.portal/stays"]
    return {
        "metadata": {"name": subject.name},
        "spec": {
            "replicas": subject.hpa["spec"]["minReplicas"],
            "selector": {"matchLabels": {"app": subject.name}},
            "template": template,
        },
    }


def strangers(subject: Subject) -> list[dict[str, Any]]:
    """Pods of nobody, with the labels of the workload's."""
    pods = [_pod(subject, "0s") for _ in range(subject.strangers)]
    for index, pod in enumerate(pods):
        pod["metadata"]["name"] = f"{_stranger(subject)}{index}"
    return pods


def _stranger(subject: Subject) -> str:
    return f"{subject.name}-stranger-"


def _pod(subject: Subject, ready_after: str) -> dict[str, Any]:
    shares = {"app": 1.0} | ({"beside": SIDECAR_SHARE} if subject.sidecar else {})
    return {
        "metadata": {"labels": {"app": subject.name}, "annotations": {"cluster.portal/ready-after": ready_after}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {"name": name, "image": "example.com/app:1", "resources": {"requests": _quantities(share, share)}}
                for name, share in shares.items()
            ],
        },
    }


def _quantities(cpu_share: float, memory_share: float) -> dict[str, str]:
    cpu, memory = round(REQUEST_MILLICORES * cpu_share), round(REQUEST_MEBIBYTES * memory_share)
    return {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How many replicas there were when the autoscaler asked for metrics, or before somebody wrote others."""

    at: float
    replicas: int
    written: int | None = None


class World(Watched):
    """A namespace of subjects; and from their loads and pods what the metrics say."""

    def __init__(self, cluster: ControlPlane, subjects: list[Subject]) -> None:
        super().__init__(cluster, subjects[0].namespace, label="app")
        self._cluster = cluster
        self.subjects = {subject.selector: subject for subject in subjects}
        self.moments: defaultdict[str, list[Moment]] = defaultdict(list)
        """By selector."""
        self._to_come = {subject.name: list(subject.mishaps) for subject in subjects}
        self.started = time.time()

    def usage(self, namespace: str, selector: str, now: float) -> Items | None:
        """The load split over the ready pods; starting ones burn CPU; a few pods have no metrics at first."""
        subject = self.subjects.get(selector)
        if subject is None or namespace != self.namespace:
            return []
        try:
            self.moments[selector].append(Moment(at=now, replicas=self._replicas_now(subject)))
        except OSError:
            # The cluster is at its end.
            return None
        since = now - self.started
        self._go_wrong(subject, since)
        if subject.fails[0] <= since < subject.fails[1]:
            return None
        running = [pod for pod in self.pods(subject.name, now) if pod.phase != "Pending"]
        ready = [pod.name for pod in running if pod.ready and pod.phase == "Running"]
        items = []
        for pod in running:
            own = random.Random(pod.name)
            silent = pod.name.startswith(_stranger(subject)) and not subject.strangers_are_measured
            if silent or now - pod.created_at < own.choice([0, 0, 3, 8]):
                continue
            share = _at(subject.load, since) / len(ready) if pod.name in ready else own.randint(0, 1500)
            cpu = share * own.uniform(0.8, 1.2) / REQUEST_MILLICORES
            used = {"app": _quantities(cpu, _at(subject.memory_percent, since) / 100)}
            if subject.sidecar:
                used["beside"] = _quantities(own.uniform(0, 0.6), own.uniform(0, 0.6))
            if subject.blind[0] <= since < subject.blind[1]:
                used = {
                    name: {r: of for r, of in usage.items() if r != subject.blind[2]} for name, usage in used.items()
                }
            items.append(
                {
                    "metadata": {"name": pod.name, "namespace": namespace},
                    "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - own.uniform(0, 2))),
                    "window": "2s",
                    "containers": [{"name": name, "usage": usage} for name, usage in used.items()],
                }
            )
        return items

    def _replicas_now(self, subject: Subject) -> int:
        """From the store, not from what we heard."""
        count: int = self._cluster.request("GET", self._scale(subject))["spec"]["replicas"]
        return count

    def _scale(self, subject: Subject) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{subject.name}/scale"

    def _go_wrong(self, subject: Subject, since: float) -> None:
        """What is due does so between this sync and the next."""
        to_come = self._to_come[subject.name]
        if to_come and to_come[0][0] <= since:
            threading.Timer(BETWEEN_SYNCS_SECONDS, self._mishap, [subject, to_come.pop(0)[1]]).start()

    def _mishap(self, subject: Subject, written: int | None) -> None:
        # The pod may be gone by now, and so may the cluster.
        with suppress(OSError):
            if written is None:
                self._fail_one(subject)
                return
            replicas = self._replicas_now(subject)
            self.moments[subject.selector].append(Moment(at=time.time(), replicas=replicas, written=written))
            scale = {"spec": {"replicas": written}}
            self._cluster.request("PATCH", self._scale(subject), scale, "application/merge-patch+json")

    def _fail_one(self, subject: Subject) -> None:
        for pod in self.pods(subject.name, time.time()):
            if pod.ready and pod.phase == "Running":
                path = f"/api/v1/namespaces/{self.namespace}/pods/{pod.name}/status"
                failed = {"status": {"phase": "Failed"}}
                self._cluster.request("PATCH", path, failed, "application/strategic-merge-patch+json")
                return


def _at(series: tuple[tuple[float, int], ...], moment: float) -> int:
    return next(value for at, value in reversed(series) if at <= moment)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One sync, decided twice."""

    subject: Subject
    at: float
    replicas: int
    real: int
    replayed: Decision
    explained: str
    """What may excuse that they differ; empty where nothing does, or nothing has to."""

    @property
    def agrees(self) -> bool:
        return self.real == self.replayed.desired

    @property
    def moved(self) -> bool:
        return self.real != self.replicas


def compared(world: World, asked: list[Asked]) -> list[Compared]:
    """Every sync but the last of each autoscaler, whose outcome nobody saw."""
    answers = {(each.selector, each.at): each.items for each in asked if each.namespace == world.namespace}
    return [found for subject in world.subjects.values() for found in _of_one(world, subject, answers)]


def _of_one(world: World, subject: Subject, answers: dict[tuple[str, float], Items | None]) -> list[Compared]:
    spec, found = HpaSpec.from_api(subject.hpa), []
    # As if each sync had decided when it asked, and as if as late as it may have.
    histories, unsure_until = (History(), History()), 0.0
    moments = sorted(world.moments[subject.selector], key=lambda moment: moment.at)
    for moment, following in pairwise(moments):
        if abs(following.at - moment.at - _due(moment, following)) > LATE_SECONDS:
            unsure_until = following.at + ODD_SECONDS[-1]
        # The next sync begins about that long after the end of this one.
        end = following.at - CONTROLLER.sync_seconds
        if moment.written is None:
            replicas, items = moment.replicas, answers[subject.selector, moment.at]
            span = (moment.at, max(moment.at + NEAR_SECONDS[-1], end))
        else:
            # The controller then asks for no metrics; its sync is the one before it asks again.
            replicas, items, span = moment.written, None, (end, end)
        usage = None if items is None else {item["metadata"]["name"]: api_objects.usage(item) for item in items}

        def decided(
            at: float,
            history: History,
            shift: float,
            replicas: int = replicas,
            usage: Mapping[str, Usage] | None = usage,
            asked_at: float = span[0],
        ) -> Decision:
            pods = world.pods(subject.name, asked_at + shift)
            seen = Observation(at=at, replicas=replicas, pods=pods, usage=usage)
            return decide(spec, seen, history, controller=CONTROLLER)

        decision, real, explained = decided(span[0], histories[0], 0), following.replicas, ""
        if decision.desired != real:
            shifts = (
                shift
                for shift in NEAR_SECONDS
                for at in span
                for history in histories
                if decided(at, history, shift).desired == real
            )
            shift = next(shifts, None)
            if shift is not None:
                explained = f"pods as they were {shift:+} s from then" if shift else "when in its sync it decided"
            elif decision.why == "out-of-bounds" and moment.written is None:
                explained = "written between its reading and ours"
            elif moment.at < unsure_until:
                explained = "lately the machine stood still"
        found.append(
            Compared(subject=subject, at=span[0], replicas=replicas, real=real, replayed=decision, explained=explained)
        )
        early, late = (
            _as_it_was(decided(at, history, 0), history, at, replicas, real, spec)
            for at, history in zip(span, histories, strict=True)
        )
        histories = early, late
    return found


def _due(moment: Moment, following: Moment) -> float:
    """How long after a moment the following is due."""
    if following.written is not None:
        return BETWEEN_SYNCS_SECONDS
    # After a count out of bounds there is one sync that nobody sees.
    return CONTROLLER.sync_seconds + (BETWEEN_SYNCS_SECONDS if moment.written is not None else 0)


def _as_it_was(decision: Decision, before: History, at: float, replicas: int, real: int, spec: HpaSpec) -> History:
    """What the controller remembers: its own changes, also where the replay would have made others."""
    after = replace(decision.history, added=before.added, removed=before.removed)
    return after.changed(spec, at=at, by=real - replicas)

"""The portal's own autoscaler under a planned load on a real control plane, with a fault planted or without.

Each scene has a namespace, the Deployment and HPA of our chart, and a sampler. The load is the plan's, split over the
ready pods as the gateway would; pods are simulated, decisions are the real controller's.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loadtest.autoscaling import timeline
from loadtest.autoscaling.assertions import check
from loadtest.autoscaling.findings import Budgets, Expectations, Finding, Hold
from loadtest.autoscaling.record import AutoscalingRecord
from loadtest.autoscaling.replay import Pod
from loadtest.autoscaling.spec import Controller, HpaSpec
from loadtest.autoscaling.steps import Calibration, plan
from tests.charts.rendering import Rendered, changed, example, render
from tests.cluster.watched import Watched
from tools.cluster.controlplane import ROOT, ControlPlane
from tools.cluster.metrics import Items

TIME_SCALE: Final = 5
NAME: Final = "portal-frontend"
CONTROLLER: Final = Controller().divided(TIME_SCALE)
BUDGETS: Final = Budgets(load=3, scrape=6, aggregate=6, serve=3, actuate=4, policy=12, ready=15)
CPU_MILLI: Final = 1000
MEMORY_MEBI: Final = 1024
CALIBRATION: Final = Calibration(resource="cpu", request_milli=CPU_MILLI, idle_milli=50, milli_per_rps=10)
IDLE_PERCENT: Final = {"cpu": 5.0, "memory": 30.0}
WARM_UP_SECONDS: Final = 12.0


def flags(time_scale: int) -> dict[str, str]:
    """The controller manager's, with its times divided."""
    controller, prefix = Controller().divided(time_scale), "horizontal-pod-autoscaler"
    return {
        f"{prefix}-sync-period": f"{controller.sync_seconds:.0f}s",
        f"{prefix}-downscale-stabilization": f"{controller.downscale_stabilization_seconds:.0f}s",
        f"{prefix}-cpu-initialization-period": f"{controller.cpu_initialization_seconds:.0f}s",
        f"{prefix}-initial-readiness-delay": f"{controller.initial_readiness_seconds:.0f}s",
        "concurrent-horizontal-pod-autoscaler-syncs": "20",
    }


FLAGS: Final = flags(TIME_SCALE)


def chart(replicas: Mapping[str, int] | None = None, time_scale: int = TIME_SCALE) -> Rendered:
    """The portal chart with its autoscaler's times divided."""
    values = changed(example("portal", "prod"), "hpa.timeScale", time_scale)
    values = changed(values, "frontend.replicas", dict(replicas or {"min": 3, "max": 8}))
    size = {"cpu": f"{CPU_MILLI}m", "memory": f"{MEMORY_MEBI}Mi"}
    values = changed(values, "frontend.resources", size)
    return render("portal", changed(changed(values, "nodeSelector", {}), "priorityClass", None))


def holds(
    calibration: Calibration = CALIBRATION,
    *,
    warm_up_seconds: float = WARM_UP_SECONDS,
    replicas: Mapping[str, int] | None = None,
    time_scale: int = TIME_SCALE,
    counts: Sequence[int] | None = None,
) -> tuple[Hold, ...]:
    """The plan that the chart's autoscaler should follow, in seconds from the start."""
    controller = Controller().divided(time_scale)
    steps = plan(
        HpaSpec.from_api(chart(replicas, time_scale).one("HorizontalPodAutoscaler", NAME)),
        calibration,
        idle_percent=IDLE_PERCENT,
        controller=controller,
        hold_seconds=15 + Budgets().divided(time_scale).reaction(controller),
        counts=counts,
    )
    at, found = warm_up_seconds, []
    for step in steps:
        # A period ends just after a sync: one sync more a replica.
        end = at + step.hold_seconds + 8 * controller.sync_seconds
        found.append(Hold(start_seconds=at, end_seconds=end, rate_rps=step.rate_rps, replicas=step.replicas))
        at = end
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Scene:
    name: str
    replicas: Mapping[str, int] = field(default_factory=lambda: {"min": 3, "max": 8})
    time_scale: int = TIME_SCALE
    load_share: float = 1.0
    memory_percent: Callable[[float, float], int] = lambda now, climb: 30
    metrics_stop: bool = False
    pinned: bool = False
    never_ready: bool = False
    behavior: Mapping[str, Any] | None = None
    act: Callable[["Stage", float, float], None] | None = None
    """Called about every second with the seconds since the start and when the last climb begins."""


class Stage(Watched):
    """A scene that is played."""

    calibration = CALIBRATION
    rps_per_replica = 65.0
    sampler: tuple[str, ...] = ("-m", "loadtest.autoscaling")
    """What Python runs."""

    def __init__(self, cluster: ControlPlane, scene: Scene, planned: Sequence[Hold], folder: Path) -> None:
        super().__init__(cluster, f"scene-{scene.name.replace(' ', '-')}", label="app.kubernetes.io/name")
        self.cluster, self.scene, self.planned = cluster, scene, planned
        self.climb = planned[-2].start_seconds
        self.started = time.time()
        self.out = folder / f"{self.namespace}.jsonl"
        self.kubeconfig = cluster.kubeconfig
        """The sampler's."""
        self._sampler: subprocess.Popen[bytes] | None = None
        self._first: set[str] = set()

    def annotations(self) -> dict[str, str]:
        """Of its pods."""
        return {"cluster.portal/ready-after": "never"} if self.scene.never_ready else {}

    def set_up(self) -> None:
        cluster, namespace = self.cluster, self.namespace
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        objects = chart(self.scene.replicas, self.scene.time_scale)
        cluster.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", objects.one("ServiceAccount", NAME))
        deployment = objects.one("Deployment", NAME)
        deployment["spec"]["replicas"] = self.scene.replicas["min"]
        deployment["spec"]["template"]["metadata"].setdefault("annotations", {}).update(self.annotations())
        cluster.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
        hpa = objects.one("HorizontalPodAutoscaler", NAME)
        if self.scene.behavior:
            hpa["spec"]["behavior"] = {**hpa["spec"]["behavior"], **self.scene.behavior}
        cluster.wait(lambda: len(self.pods(NAME, time.time())) == self.scene.replicas["min"], f"pods in {namespace}")
        self._first = {pod.name for pod in self.pods(NAME, time.time())}
        if self.scene.never_ready:
            cluster.wait(lambda: all(pod.ready is False for pod in self.pods(NAME, time.time())), "pods that run")
            self._make_ready()
        cluster.request("POST", f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers", hpa)

    def _make_ready(self) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ready = [{"type": kind, "status": "True", "lastTransitionTime": stamp} for kind in ("Ready", "ContainersReady")]
        for name in self._first:
            path = f"/api/v1/namespaces/{self.namespace}/pods/{name}/status"
            merge = "application/strategic-merge-patch+json"
            self.cluster.request("PATCH", path, {"status": {"conditions": ready}}, merge)

    def settle(self) -> None:
        """Until its first pods serve and its autoscaler works."""
        path = f"/apis/autoscaling/v2/namespaces/{self.namespace}/horizontalpodautoscalers/{NAME}"

        def works() -> bool:
            conditions = self.cluster.request("GET", path).get("status", {}).get("conditions") or ()
            return any(c["type"] == "ScalingActive" and c["status"] == "True" for c in conditions)

        self.cluster.wait(works, f"autoscaler in {self.namespace} that works")

    def start(self) -> None:
        self.started = time.time()
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, *self.sampler, "--namespace", self.namespace, "--hpa", NAME]
        self._sampler = subprocess.Popen([*command, "--interval-seconds", "1", str(self.out)], env=environment)

    def act(self) -> None:
        if self.scene.act:
            self.scene.act(self, time.time() - self.started, self.climb)

    def finish(self) -> AutoscalingRecord:
        assert self._sampler is not None
        self._sampler.terminate()
        assert self._sampler.wait(timeout=30) == 0
        with self.out.open() as lines:
            return timeline.read(lines, run_started_at=self.started)

    def set_replicas(self, count: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}/scale"
        self.cluster.request("PATCH", path, {"spec": {"replicas": count}}, "application/merge-patch+json")

    def delete_hpa(self) -> None:
        path = f"/apis/autoscaling/v2/namespaces/{self.namespace}/horizontalpodautoscalers/{NAME}"
        if self.cluster.get(path) is not None:
            self.cluster.request("DELETE", path)

    def rate_rps(self, now: float) -> float:
        """What arrives, by the plan."""
        since = now - self.started
        planned = next((h.rate_rps for h in self.planned if h.start_seconds <= since < h.end_seconds), 0.0)
        return planned * self.scene.load_share

    def cpu_milli(self, pod: Pod, share_rps: float) -> int:
        return round(self.calibration.idle_milli + share_rps * self.calibration.milli_per_rps)

    def usage(self, now: float) -> Items | None:
        since = now - self.started
        if self.scene.metrics_stop and since > self.climb:
            return None
        rate = self.rate_rps(now)
        pods = [pod for pod in self.pods(NAME, now) if pod.phase == "Running" and not pod.deleted]
        serving = [pod.name for pod in pods if pod.ready and (pod.name in self._first or not self.scene.pinned)]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        items = []
        for pod in pods:
            cpu = self.cpu_milli(pod, rate / len(serving) if pod.name in serving else 0.0)
            memory = round(MEMORY_MEBI * self.scene.memory_percent(since, self.climb) / 100)
            used = {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}
            metadata = {"name": pod.name, "namespace": self.namespace}
            container = {"name": NAME, "usage": used}
            items.append({"metadata": metadata, "timestamp": stamp, "window": "3s", "containers": [container]})
        return items


def play(
    stages: Sequence[Stage], *, meanwhile: Callable[[float], None] = lambda _: None
) -> dict[str, tuple[Finding, ...]]:
    """All at once, each judged at its end. `meanwhile` is called about every second."""
    for stage in stages:
        stage.set_up()
    for stage in stages:
        stage.start()
    started, end = time.time(), stages[0].planned[-1].end_seconds
    while time.time() - started < end + 1:
        threads = [threading.Thread(target=stage.act) for stage in stages if stage.scene.act]
        for thread in threads:
            thread.start()
        meanwhile(time.time() - started)
        for thread in threads:
            thread.join()
        time.sleep(1)
    expected = Expectations(
        holds=tuple(stages[0].planned), rps_per_replica=Stage.rps_per_replica, budgets=BUDGETS, controller=CONTROLLER
    )
    return {stage.scene.name: check(stage.finish(), expected) for stage in stages}

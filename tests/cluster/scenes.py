"""The portal's own autoscaler under a planned load on a real control plane, with a fault planted or without.

Each scene has a namespace, the Deployment and HPA of our chart, and a sampler. The load is the plan's, split over the
ready pods as the gateway would; pods are simulated, decisions are the real controller's. Metrics come as late as a
metrics server's: of the last of its rounds, and of pods that it has met twice.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

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
from tools.cluster.metrics import Items, UsageOf

TIME_SCALE: Final = 5
NAME: Final = "portal-frontend"
CPU_MILLI: Final = 1000
MEMORY_MEBI: Final = 1024
CALIBRATION: Final = Calibration(resource="cpu", request_milli=CPU_MILLI, idle_milli=50, milli_per_rps=10)
IDLE_PERCENT: Final = {"cpu": 5.0, "memory": 30.0}
WARM_UP_SECONDS: Final = 2.0
SCRAPE_SECONDS: Final = 15.0
"""A metrics server's, between two rounds."""
ENDS_WITHIN_SECONDS: Final = 60


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
    behavior: Mapping[str, Any] | None = None
    ready_after: str | None = None
    """Of pods that are made in the run, as kwok's stages have it."""
    begins: float | None = None
    """When what follows begins, in seconds from the start: with the last climb, if nothing is said."""
    memory_percent: float = IDLE_PERCENT["memory"]
    metrics_are: Literal["there", "errors", "empty", "stale"] = "there"
    pinned_to: int | None = None
    """So many of the first pods get all of the traffic."""
    act: Callable[["Stage", float], None] | None = None
    """Called about every second with the seconds since it began."""


class Stage(Watched):
    """A scene that is played."""

    calibration = CALIBRATION
    rps_per_replica = 65.0
    sampler: tuple[str, ...] = ("-m", "loadtest.autoscaling")
    """What Python runs."""

    def __init__(self, cluster: ControlPlane, scene: Scene, planned: Sequence[Hold], folder: Path) -> None:
        super().__init__(cluster, f"scene-{scene.name.replace(' ', '-')}", label="app.kubernetes.io/name")
        self.cluster, self.scene, self.planned = cluster, scene, planned
        self.begins = planned[-2].start_seconds if scene.begins is None else scene.begins
        self.started = time.time()
        self.out = folder / f"{self.namespace}.jsonl"
        self.kubeconfig = cluster.kubeconfig
        """The sampler's."""
        self._sampler: subprocess.Popen[bytes] | None = None
        self._first: tuple[str, ...] = ()

    @cached_property
    def _objects(self) -> Rendered:
        return chart(self.scene.replicas, self.scene.time_scale)

    def annotations(self) -> dict[str, str]:
        """Of its pods."""
        return {"cluster.portal/ready-after": self.scene.ready_after} if self.scene.ready_after else {}

    def set_up(self) -> None:
        cluster, namespace = self.cluster, self.namespace
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        objects = self._objects
        cluster.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", objects.one("ServiceAccount", NAME))
        deployment = objects.one("Deployment", NAME)
        deployment["spec"]["replicas"] = self.scene.replicas["min"]
        deployment["spec"]["template"]["metadata"].setdefault("annotations", {}).update(self.annotations())
        cluster.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
        hpa = objects.one("HorizontalPodAutoscaler", NAME)
        if self.scene.behavior:
            hpa["spec"]["behavior"] = {**hpa["spec"]["behavior"], **self.scene.behavior}
        cluster.wait(lambda: len(self.pods(NAME, time.time())) == self.scene.replicas["min"], f"pods in {namespace}")
        self._first = tuple(sorted(pod.name for pod in self.pods(NAME, time.time())))
        if self.scene.ready_after:
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
        since = time.time() - self.started - self.begins
        if self.scene.act and since >= 0:
            self.scene.act(self, since)

    def under_way(self) -> bool:
        return time.time() - self.started < self.planned[-1].end_seconds + 1

    def finish(self) -> None:
        """Nothing but its end is left."""
        assert self._sampler is not None
        self._sampler.terminate()
        assert self._sampler.wait(timeout=30) == 0

    def kill(self) -> None:
        """Whatever happened meanwhile."""
        if self._sampler and self._sampler.poll() is None:
            self._sampler.kill()
            self._sampler.wait()

    @cached_property
    def record(self) -> AutoscalingRecord:
        with self.out.open() as lines:
            return timeline.read(lines, run_started_at=self.started)

    def findings(self) -> tuple[Finding, ...]:
        expected = Expectations(
            holds=tuple(self.planned),
            rps_per_replica=self.rps_per_replica,
            budgets=Budgets().divided(self.scene.time_scale),
            controller=Controller().divided(self.scene.time_scale),
        )
        return check(self.record, expected)

    def set_replicas(self, count: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}/scale"
        self.cluster.request("PATCH", path, {"spec": {"replicas": count}}, "application/merge-patch+json")

    def set_maximum(self, count: int) -> None:
        self.cluster.request("PATCH", self._hpa, {"spec": {"maxReplicas": count}}, "application/merge-patch+json")

    def delete_hpa(self) -> None:
        if self.cluster.get(self._hpa) is not None:
            self.cluster.request("DELETE", self._hpa)

    @property
    def _hpa(self) -> str:
        return f"/apis/autoscaling/v2/namespaces/{self.namespace}/horizontalpodautoscalers/{NAME}"

    @property
    def scrape_seconds(self) -> float:
        return SCRAPE_SECONDS / self.scene.time_scale

    def rate_rps(self, now: float) -> float:
        """What arrives, by the plan."""
        since = now - self.started
        planned = next((h.rate_rps for h in self.planned if h.start_seconds <= since < h.end_seconds), 0.0)
        return planned * self.scene.load_share

    def cpu_milli(self, pod: Pod, share_rps: float) -> int:
        return round(self.calibration.idle_milli + share_rps * self.calibration.milli_per_rps)

    def usage(self, selector: str, now: float) -> Items | None:
        begun = self.started + self.begins
        how = self.scene.metrics_are if now > begun else "there"
        if how == "errors":
            return None
        if how == "empty" or not self._selected(selector):
            return []
        scraped = (begun if how == "stale" else now) // self.scrape_seconds * self.scrape_seconds
        return self._scraped(scraped, begun)

    def _selected(self, selector: str) -> bool:
        labels = self._objects.one("Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
        return set(selector.split(",")) <= {f"{key}={value}" for key, value in labels.items()}

    def _scraped(self, at: float, begun: float) -> Items:
        """What one round found. Use is what was used since the round before."""
        met = {pod.name for pod in self._running(at - self.scrape_seconds)}
        running = self._running(at)
        serving = [pod.name for pod in running if pod.ready]
        if self.scene.pinned_to and at > begun:
            serving = [name for name in serving if name in self._first[: self.scene.pinned_to]]
        rate = self.rate_rps(at)
        memory = round(MEMORY_MEBI * (self.scene.memory_percent if at > begun else IDLE_PERCENT["memory"]) / 100)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        items = []
        for pod in running:
            if pod.name not in met:
                continue
            cpu = self.cpu_milli(pod, rate / len(serving) if pod.name in serving else 0.0)
            container = {"name": NAME, "usage": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}}
            metadata = {"name": pod.name, "namespace": self.namespace}
            window = f"{self.scrape_seconds:.0f}s"
            items.append({"metadata": metadata, "timestamp": stamp, "window": window, "containers": [container]})
        return items

    def _running(self, at: float) -> list[Pod]:
        return [pod for pod in self.pods(NAME, at) if pod.phase == "Running" and not pod.deleted]


def measured(stages: Sequence[Stage]) -> UsageOf:
    """What the metrics service of their cluster says."""
    by_namespace = {stage.namespace: stage for stage in stages}
    return lambda namespace, selector, now: by_namespace[namespace].usage(selector, now)


def play(stages: Sequence[Stage], *, meanwhile: Callable[[float], None] = lambda _: None) -> None:
    """All at once, each to its end. `meanwhile` is called about every second with the seconds since the start."""
    try:
        for stage in stages:
            stage.set_up()
        for stage in stages:
            stage.settle()
        for stage in stages:
            stage.start()
        started = time.time()
        longest = max(stage.planned[-1].end_seconds for stage in stages) + ENDS_WITHIN_SECONDS
        with ThreadPoolExecutor(len(stages)) as each:
            while any(stage.under_way() for stage in stages) and time.time() - started < longest:
                list(each.map(lambda stage: stage.act(), stages))
                meanwhile(time.time() - stages[0].started)
                time.sleep(1)
        for stage in stages:
            stage.finish()
    finally:
        for stage in stages:
            stage.kill()

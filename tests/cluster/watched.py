"""What a namespace's workloads and pods were at any moment, by watches."""

import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.replay import Pod
from tools.cluster.controlplane import ControlPlane


class Watched:
    """The pods and replica counts of one namespace, with when they were so. `label`: holds the workload's name."""

    def __init__(self, cluster: ControlPlane, namespace: str, label: str) -> None:
        self.namespace, self._label = namespace, label
        self._pods: defaultdict[str, list[tuple[float, str, Pod | None]]] = defaultdict(list)
        self._replicas: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        self._decided: defaultdict[str, list[tuple[float, tuple[int, int]]]] = defaultdict(list)
        for path, told in (
            (f"/api/v1/namespaces/{self.namespace}/pods", self._pod),
            (f"/apis/apps/v1/namespaces/{self.namespace}/deployments", self._deployment),
            (f"/apis/autoscaling/v2/namespaces/{self.namespace}/horizontalpodautoscalers", self._autoscaler),
        ):
            threading.Thread(target=self._follow, args=(cluster, path, told), daemon=True).start()

    def _follow(self, cluster: ControlPlane, path: str, told: Any) -> None:
        for event in cluster.watch(path):
            told(time.time(), event)

    def _pod(self, at: float, event: Mapping[str, Any]) -> None:
        item = event["object"]
        gone = event["type"] == "DELETED"
        pod = None if gone else api_objects.pod(item)
        self._pods[item["metadata"]["labels"][self._label]].append((at, item["metadata"]["name"], pod))

    def _deployment(self, at: float, event: Mapping[str, Any]) -> None:
        item = event["object"]
        self._replicas[item["metadata"]["name"]].append((at, item["spec"]["replicas"]))

    def _autoscaler(self, at: float, event: Mapping[str, Any]) -> None:
        item = event["object"]
        status = item.get("status", {})
        change = status.get("currentReplicas", 0), status.get("desiredReplicas", 0)
        self._decided[item["spec"]["scaleTargetRef"]["name"]].append((at, change))

    def pods(self, workload: str, at: float) -> tuple[Pod, ...]:
        known: dict[str, Pod] = {}
        for seen, name, pod in list(self._pods[workload]):
            if seen > at:
                break
            if pod is None:
                known.pop(name, None)
            else:
                known[name] = pod
        return tuple(known.values())

    def replicas(self, workload: str, at: float) -> int:
        changes = list(self._replicas[workload])
        index = bisect_right(changes, at, key=lambda change: change[0])
        return changes[max(index - 1, 0)][1]

    def decided(self, workload: str, after: float, until: float) -> list[tuple[int, int]]:
        """From how many replicas to how many, in the autoscaler's own words."""
        return [change for at, change in list(self._decided[workload]) if after <= at <= until]

"""What a namespace's pods were at any moment, by a watch."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.replay import Pod
from tools.cluster.controlplane import ControlPlane


class Watched:
    """The pods of one namespace, with when they were so. `label`: holds the workload's name."""

    def __init__(self, cluster: ControlPlane, namespace: str, label: str) -> None:
        self.namespace, self._label = namespace, label
        self._pods: defaultdict[str, list[tuple[float, str, Pod | None]]] = defaultdict(list)
        threading.Thread(target=self._follow, args=[cluster], daemon=True).start()

    def _follow(self, cluster: ControlPlane) -> None:
        for event in cluster.watch(f"/api/v1/namespaces/{self.namespace}/pods"):
            self._pod(time.time(), event)

    def _pod(self, at: float, event: Mapping[str, Any]) -> None:
        item = event["object"]
        gone = event["type"] == "DELETED"
        pod = None if gone else api_objects.pod(item)
        self._pods[item["metadata"]["labels"][self._label]].append((at, item["metadata"]["name"], pod))

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

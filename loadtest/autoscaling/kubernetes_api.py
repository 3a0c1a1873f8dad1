"""Reads an autoscaler and its pods from the API server, by kubeconfig or from inside the cluster.

Every reading lists anew: nothing is kept between two that a dropped watch or a restarted API server could spoil.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.api_server import ApiServer, Refused
from loadtest.autoscaling.record import Sample
from loadtest.autoscaling.replay import Usage
from loadtest.autoscaling.source import Reading, Unreadable


class KubernetesApi:
    """One autoscaler. The workload is remembered, so that it can still be watched after its autoscaler is deleted."""

    name = "kubernetes"

    def __init__(self, *, namespace: str, hpa: str, context: str | None = None) -> None:
        self._namespace, self._hpa = namespace, hpa
        self._server = ApiServer(context)
        self._workload: str | None = None

    def connect(self) -> None:
        """Raises Unreadable where nothing says how the cluster is reached; nothing is asked of it."""
        self._server.connect()

    def read(self, at: float) -> Reading:
        """Raises Unreadable."""
        autoscalers = f"/apis/autoscaling/v2/namespaces/{quote(self._namespace)}/horizontalpodautoscalers"
        hpa = self._get_or_none(f"{autoscalers}/{quote(self._hpa)}")
        if hpa is not None:
            self._workload = workload_path(hpa, namespace=self._namespace)
        if self._workload is None:
            raise Unreadable(f"there is no HorizontalPodAutoscaler {self._hpa} in namespace {self._namespace}")
        workload = self._server.get(self._workload)
        selector = api_objects.label_selector(workload["spec"]["selector"])
        pods = self._server.get(f"/api/v1/namespaces/{self._namespace}/pods", labelSelector=selector)
        usage, metrics_error = self._usage(selector)
        events = self._server.get(
            f"/api/v1/namespaces/{self._namespace}/events",
            fieldSelector=f"involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name={self._hpa}",
        )
        status = (hpa or {}).get("status", {})
        spec = (hpa or {}).get("spec", {})
        return Reading(
            hpa=hpa,
            events=tuple(api_objects.event(item) for item in events["items"]),
            sample=Sample(
                at=at,
                replicas=workload["spec"].get("replicas", 1),
                ready=workload.get("status", {}).get("readyReplicas", 0),
                pods=tuple(api_objects.pod(item) for item in pods["items"]),
                usage=usage,
                metrics_error=metrics_error,
                desired=status.get("desiredReplicas", 0) if hpa else None,
                current=status.get("currentReplicas", 0) if hpa else None,
                minimum=spec.get("minReplicas", 1) if hpa else None,
                maximum=spec.get("maxReplicas"),
                utilization_percent=api_objects.utilization(hpa or {}),
                conditions=api_objects.conditions(hpa or {}),
                cluster_clock_ahead_seconds=None if self._server.clock is None else self._server.clock - at,
            ),
        )

    def _usage(self, selector: str) -> tuple[dict[str, Usage] | None, str | None]:
        """What the controller would get. Its own errors here are part of the record, not a gap."""
        try:
            path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self._namespace}/pods"
            listed = self._server.get(path, labelSelector=selector)
        except Unreadable as error:
            if isinstance(error, Refused) and error.status == 401:
                raise
            return None, str(error)
        return {item["metadata"]["name"]: api_objects.usage(item) for item in listed["items"]}, None

    def _get_or_none(self, path: str) -> dict[str, Any] | None:
        try:
            return self._server.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise


def workload_path(hpa: Mapping[str, Any], *, namespace: str) -> str:
    """Of what an autoscaler scales."""
    target = hpa["spec"]["scaleTargetRef"]
    return f"/apis/apps/v1/namespaces/{quote(namespace)}/{target['kind'].lower()}s/{quote(target['name'])}"

"""Reads an autoscaler and its pods from the API server, by kubeconfig or from inside the cluster.

Every reading lists anew: nothing is kept between two that a dropped watch or a restarted API server could spoil.
"""

import os
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import kubernetes.client
import kubernetes.config
import urllib3
from kubernetes.config.config_exception import ConfigException

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.record import Sample
from loadtest.autoscaling.replay import Usage
from loadtest.autoscaling.source import Reading, Unreadable, one_line

TIMEOUT_SECONDS: Final = (3.0, 5.0)
"""To connect, to answer."""


class _Refused(Unreadable):
    def __init__(self, path: str, status: int, message: str) -> None:
        super().__init__(f"GET {path}: {status} {message}")
        self.status = status


class KubernetesApi:
    """One autoscaler. The workload is remembered, so that it can still be watched after its autoscaler is deleted."""

    name = "kubernetes"

    def __init__(self, *, namespace: str, hpa: str, context: str | None = None) -> None:
        self._namespace, self._hpa, self._context = namespace, hpa, context
        self._client: kubernetes.client.ApiClient | None = None
        self._workload: str | None = None
        self._clock_ahead: float | None = None

    def read(self, at: float) -> Reading:
        """Raises Unreadable."""
        try:
            return self._read(at)
        except _Refused as refused:
            if refused.status == 401:
                # The token has run out: whoever issues them is asked again at the next reading.
                self._client = None
            raise

    def _read(self, at: float) -> Reading:
        autoscalers = f"/apis/autoscaling/v2/namespaces/{quote(self._namespace)}/horizontalpodautoscalers"
        hpa = self._get_or_none(f"{autoscalers}/{quote(self._hpa)}", at)
        if hpa is not None:
            target = hpa["spec"]["scaleTargetRef"]
            self._workload = f"/apis/apps/v1/namespaces/{self._namespace}/{target['kind'].lower()}s/{target['name']}"
        if self._workload is None:
            raise Unreadable(f"there is no HorizontalPodAutoscaler {self._hpa} in namespace {self._namespace}")
        workload = self._get(self._workload, at)
        selector = api_objects.label_selector(workload["spec"]["selector"])
        pods = self._get(f"/api/v1/namespaces/{self._namespace}/pods", at, labelSelector=selector)
        usage, metrics_error = self._usage(selector, at)
        events = self._get(
            f"/api/v1/namespaces/{self._namespace}/events",
            at,
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
                cluster_clock_ahead_seconds=self._clock_ahead,
            ),
        )

    def _usage(self, selector: str, at: float) -> tuple[dict[str, Usage] | None, str | None]:
        """What the controller would get. Its own errors here are part of the record, not a gap."""
        try:
            path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self._namespace}/pods"
            listed = self._get(path, at, labelSelector=selector)
        except Unreadable as error:
            if isinstance(error, _Refused) and error.status == 401:
                raise
            return None, str(error)
        return {item["metadata"]["name"]: api_objects.usage(item) for item in listed["items"]}, None

    def _get_or_none(self, path: str, at: float) -> dict[str, Any] | None:
        try:
            return self._get(path, at)
        except _Refused as refused:
            if refused.status == 404:
                return None
            raise

    def _get(self, path: str, at: float, **query: str) -> dict[str, Any]:
        try:
            client = self._connected()
            request = client.param_serialize(
                "GET",
                path,
                query_params=list(query.items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            response = client.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
            body = response.read()  # type: ignore[no-untyped-call]
            if response.status == 200:
                if date := response.headers.get("Date"):
                    self._clock_ahead = parsedate_to_datetime(date).timestamp() - at
                found: dict[str, Any] = client.deserialize(body.decode(), "object", "application/json")
                return found
        except (ConfigException, kubernetes.client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreadable(f"GET {path}: {one_line(error)}") from error
        except (ValueError, UnicodeDecodeError) as error:
            raise Unreadable(f"GET {path}: not JSON: {one_line(error)}") from error
        raise _Refused(path, response.status, response.reason or "")

    def _connected(self) -> kubernetes.client.ApiClient:
        if self._client is None:
            configuration = kubernetes.client.Configuration()
            if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ and self._context is None:
                kubernetes.config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
            else:
                kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration, context=self._context
                )
            # The next reading is the retry.
            configuration.retries = False
            self._client = kubernetes.client.ApiClient(configuration)
        return self._client

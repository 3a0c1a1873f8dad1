"""Reads an autoscaler and its pods from Prometheus, where the API server is out of reach.

kube-state-metrics tells bounds, counts and conditions, but not `behavior`: that comes from the manifest that the
caller names. Events are not there either.

Source: kube-state-metrics, docs/metrics/workload; cAdvisor, "Prometheus container metrics".
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from loadtest.autoscaling.record import Condition, Sample
from loadtest.autoscaling.replay import Pod, Usage
from loadtest.autoscaling.source import Reading, Unreadable, one_line
from loadtest.autoscaling.spec import HpaSpec

TIMEOUT_SECONDS: Final = 5.0
WINDOW_SECONDS: Final = 60.0
"""Over which CPU use is averaged: two scrapes at the usual 30 s, and some."""

Series = list[tuple[dict[str, str], float]]


class PrometheusApi:
    """One autoscaler of a Deployment, described by its manifest."""

    name = "prometheus"

    def __init__(self, *, url: str, manifest: Mapping[str, Any], token_file: Path | None = None) -> None:
        self._url, self._manifest, self._token_file = url.rstrip("/"), manifest, token_file
        self._spec = HpaSpec.from_api(manifest)

    def read(self, at: float) -> Reading:
        """Raises Unreadable."""
        spec = self._spec
        hpa = f'namespace="{spec.namespace}",horizontalpodautoscaler="{spec.name}"'
        workload = f'namespace="{spec.namespace}",deployment="{spec.target_name}"'
        minimum = self._one(f"kube_horizontalpodautoscaler_spec_min_replicas{{{hpa}}}")
        maximum = self._one(f"kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}}")
        replicas = self._one(f"kube_deployment_spec_replicas{{{workload}}}")
        if replicas is None:
            raise Unreadable(f"Prometheus knows no Deployment {spec.target_name} in namespace {spec.namespace}")
        usage = self._usage(at)
        live = None
        if maximum is not None:
            bounds = {"minReplicas": round(minimum or 0), "maxReplicas": round(maximum)}
            live = {**self._manifest, "spec": {**self._manifest["spec"], **bounds}}
        return Reading(
            hpa=live,
            events=(),
            sample=Sample(
                at=at,
                replicas=round(replicas),
                ready=round(self._one(f"kube_deployment_status_replicas_ready{{{workload}}}") or 0),
                pods=self._pods(),
                usage=usage or None,
                metrics_error=None if usage else "no container_cpu_usage_seconds_total of its pods in Prometheus",
                desired=_whole(self._one(f"kube_horizontalpodautoscaler_status_desired_replicas{{{hpa}}}")),
                current=_whole(self._one(f"kube_horizontalpodautoscaler_status_current_replicas{{{hpa}}}")),
                minimum=_whole(minimum),
                maximum=_whole(maximum),
                conditions=tuple(
                    Condition(type=labels["condition"], status=labels["status"].capitalize(), reason="", message="")
                    for labels, value in self._query(f"kube_horizontalpodautoscaler_status_condition{{{hpa}}}")
                    if value == 1
                ),
            ),
        )

    @property
    def _of_pods(self) -> str:
        # A ReplicaSet's hash and a pod's suffix follow the Deployment's name.
        name = f"{re.escape(self._spec.target_name)}-[a-z0-9]+-[a-z0-9]{{5}}".replace("\\", "\\\\")
        return f'namespace="{self._spec.namespace}",pod=~"{name}"'

    def _pods(self) -> tuple[Pod, ...]:
        phases = {
            labels["pod"]: labels["phase"]
            for labels, value in self._query(f"kube_pod_status_phase{{{self._of_pods}}}")
            if value == 1
        }
        created, started, ready, ready_at, deleted = (
            {labels["pod"]: value for labels, value in self._query(f"{metric}{{{self._of_pods}{more}}}")}
            for metric, more in (
                ("kube_pod_created", ""),
                ("kube_pod_start_time", ""),
                ("kube_pod_status_ready", ',condition="true"'),
                ("kube_pod_status_ready_time", ""),
                ("kube_pod_deletion_timestamp", ""),
            )
        )
        requests: defaultdict[str, defaultdict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        for labels, value in self._query(f"kube_pod_container_resource_requests{{{self._of_pods}}}"):
            requests[labels["pod"]][labels["container"]][labels["resource"]] = round(value * 1000)
        return tuple(
            Pod(
                name=name,
                phase=phase,
                created_at=created.get(name, 0),
                deleted=name in deleted,
                ready=ready[name] == 1 if name in ready else None,
                ready_changed_at=ready_at.get(name, 0),
                started_at=started.get(name),
                requests=requests[name],
            )
            for name, phase in sorted(phases.items())
        )

    def _usage(self, at: float) -> dict[str, Usage]:
        containers: defaultdict[str, defaultdict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        of_containers = f'{self._of_pods},container!="",container!="POD"'
        for resource, query in (
            ("cpu", f"rate(container_cpu_usage_seconds_total{{{of_containers}}}[{WINDOW_SECONDS:.0f}s])"),
            ("memory", f"container_memory_working_set_bytes{{{of_containers}}}"),
        ):
            for labels, value in self._query(query):
                containers[labels["pod"]][labels["container"]][resource] = round(value * 1000)
        return {
            name: Usage(at=at, window_seconds=WINDOW_SECONDS, containers=of_pod) for name, of_pod in containers.items()
        }

    def _one(self, query: str) -> float | None:
        series = self._query(query)
        return series[0][1] if series else None

    def _query(self, query: str) -> Series:
        url = f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        request = urllib.request.Request(url)
        if self._token_file:
            # Read each time: whoever writes it renews it.
            request.add_header("Authorization", f"Bearer {self._token_file.read_text().strip()}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                answer = json.load(response)
            if answer["status"] != "success":
                raise Unreadable(f"{query}: {answer.get('error')}")
            return [(item["metric"], float(item["value"][1])) for item in answer["data"]["result"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{self._url}: {one_line(error)}") from error


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)

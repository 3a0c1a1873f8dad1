"""Where only Prometheus is in reach, its series say the same as the API server would."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from loadtest.autoscaling.prometheus_api import PrometheusApi
from loadtest.autoscaling.source import Unreadable
from tests.loadtest.autoscaling.objects import GUIDE

POD = {"namespace": "developer-portal", "pod": "portal-frontend-6d4cf56db6-x2x7z"}
MAXIMUM = "kube_horizontalpodautoscaler_spec_max_replicas"
# Metric -> its series, named as kube-state-metrics and cAdvisor name them.
SERIES: dict[str, list[tuple[dict[str, str], float]]] = {
    "kube_horizontalpodautoscaler_spec_min_replicas": [({}, 3)],
    MAXIMUM: [({}, 12)],
    "kube_horizontalpodautoscaler_status_desired_replicas": [({}, 5)],
    "kube_horizontalpodautoscaler_status_current_replicas": [({}, 4)],
    "kube_horizontalpodautoscaler_status_condition": [
        ({"condition": "ScalingLimited", "status": "true"}, 1),
        ({"condition": "ScalingLimited", "status": "false"}, 0),
    ],
    "kube_deployment_spec_replicas": [({}, 5)],
    "kube_deployment_status_replicas_ready": [({}, 4)],
    "kube_pod_status_phase": [({**POD, "phase": "Running"}, 1), ({**POD, "phase": "Pending"}, 0)],
    "kube_pod_created": [(POD, 1000)],
    "kube_pod_start_time": [(POD, 1001)],
    "kube_pod_status_ready": [(POD, 1)],
    "kube_pod_status_ready_time": [(POD, 1010)],
    "kube_pod_container_resource_requests": [
        ({**POD, "container": "app", "resource": "cpu"}, 0.5),
        ({**POD, "container": "app", "resource": "memory"}, 1024**3),
    ],
    "container_cpu_usage_seconds_total": [({**POD, "container": "app"}, 0.25)],
    "container_memory_working_set_bytes": [({**POD, "container": "app"}, 2**29)],
}


class FakePrometheus:
    def __init__(self) -> None:
        self.series = dict(SERIES)
        self.status = 200
        self.tokens: list[str] = []
        self.url = ""


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    fake = FakePrometheus()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.tokens.append(self.headers.get("Authorization", ""))
            (query,) = parse_qs(urlsplit(self.path).query)["query"]
            name = query.removeprefix("rate(").split("{")[0]
            found = [{"metric": labels, "value": [0, str(value)]} for labels, value in fake.series.get(name, [])]
            self.send_response(fake.status)
            self.end_headers()
            answer: dict[str, Any] = {"status": "success", "data": {"resultType": "vector", "result": found}}
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield fake
        server.shutdown()
        thread.join()


def test_series_become_a_sample(prometheus: FakePrometheus) -> None:
    reading = PrometheusApi(url=prometheus.url, manifest=GUIDE).read(1060.0)
    sample = reading.sample
    assert (sample.replicas, sample.ready, sample.desired, sample.current) == (5, 4, 5, 4)
    assert [(c.type, c.status) for c in sample.conditions] == [("ScalingLimited", "True")]
    (pod,) = sample.pods
    assert (pod.phase, pod.ready, pod.created_at, pod.started_at, pod.ready_changed_at) == (
        "Running",
        True,
        1000,
        1001,
        1010,
    )
    assert pod.requests == {"app": {"cpu": 500, "memory": 1024**3 * 1000}}
    assert sample.usage is not None
    assert sample.usage[pod.name].containers == {"app": {"cpu": 250, "memory": 2**29 * 1000}}


def test_bounds_are_the_live_ones_and_behavior_is_the_manifests(prometheus: FakePrometheus) -> None:
    hpa = PrometheusApi(url=prometheus.url, manifest=GUIDE).read(0).hpa
    assert hpa is not None
    assert hpa["spec"]["maxReplicas"] == 12
    assert hpa["spec"]["behavior"] == GUIDE["spec"]["behavior"]


def test_an_autoscaler_without_series_is_gone(prometheus: FakePrometheus) -> None:
    prometheus.series.pop(MAXIMUM)
    assert PrometheusApi(url=prometheus.url, manifest=GUIDE).read(0).hpa is None


def test_pods_without_usage_are_metrics_that_fail(prometheus: FakePrometheus) -> None:
    prometheus.series["container_cpu_usage_seconds_total"] = []
    prometheus.series["container_memory_working_set_bytes"] = []
    sample = PrometheusApi(url=prometheus.url, manifest=GUIDE).read(0).sample
    assert sample.usage is None
    assert sample.metrics_error


def test_a_prometheus_in_trouble_is_unreadable(prometheus: FakePrometheus) -> None:
    prometheus.status = 503
    with pytest.raises(Unreadable, match="503"):
        PrometheusApi(url=prometheus.url, manifest=GUIDE).read(0)


def test_an_unknown_deployment_is_unreadable_by_name(prometheus: FakePrometheus) -> None:
    prometheus.series["kube_deployment_spec_replicas"] = []
    with pytest.raises(Unreadable, match="no Deployment portal-frontend"):
        PrometheusApi(url=prometheus.url, manifest=GUIDE).read(0)


def test_the_token_is_read_anew_each_time(prometheus: FakePrometheus, tmp_path: Path) -> None:
    token = tmp_path / "token"
    source = PrometheusApi(url=prometheus.url, manifest=GUIDE, token_file=token)
    for text in ("one", "two"):
        token.write_text(f"{text}\n")
        source.read(0)
    assert (prometheus.tokens[0], prometheus.tokens[-1]) == ("Bearer one", "Bearer two")

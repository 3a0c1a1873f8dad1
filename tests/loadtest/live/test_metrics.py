"""The run as Prometheus reads it, from real Locust processes."""

import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.loadtest.autoscaling.fake_api import FakeApi, kubeconfig, served
from tests.loadtest.conftest import Run, Target

RECORDED = Path(__file__).parents[2] / "data" / "metrics" / "loadtest.txt"

Values = dict[str, dict[tuple[tuple[str, str], ...], float]]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def scraped(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


def values(text: str) -> Values:
    found: Values = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def names(text: str) -> set[str]:
    """As tests/data/metrics has them: name, type, labels."""
    return {
        " ".join(
            [
                family.name + ("_total" if family.type == "counter" else ""),
                family.type,
                ",".join(sorted({label for sample in family.samples for label in sample.labels} - {"le"})),
            ]
        ).strip()
        for family in text_string_to_metric_families(text)
    }


STEPS = """
namespace: developer-portal
hpa: portal-frontend
interval_seconds: 0.5
steps: [{replicas: 6, rate_rps: 20, hold_seconds: 9}]
"""


@pytest.mark.slow
@pytest.mark.realtime
def test_prometheus_sees_the_run_its_replicas_and_the_verdict(
    serve: Callable[..., Target], locust: Callable[..., Run], tmp_path: Path
) -> None:
    """Recorded once: `names` of all that is scraped here is what dashboards and alerts may ask for."""
    (tmp_path / "autoscaling.yaml").write_text(STEPS)
    (tmp_path / "slo.yaml").write_text("objectives: [{name: a, phases: [transient], latency_ms: {p95: 1}}]")
    port = free_port()
    arguments = ("--autoscaling", str(tmp_path / "autoscaling.yaml"), "--slo", str(tmp_path / "slo.yaml"))
    seen: list[str] = []
    with served(FakeApi()) as api:
        kubeconfig(tmp_path, api)
        run = locust(
            *arguments, "--processes", "2", "--stop-timeout", "1", "--metrics-port", str(port),
            host=serve("--delay-seconds", "0.02", "--status", "503", "--healthy-answers", "50").url,
            KUBECONFIG=str(tmp_path / "kubeconfig"),
        )  # fmt: skip
        while run.process.poll() is None:
            seen.append(scraped(port))
            time.sleep(1)
        run.ended()
    seen = [text for text in seen if "loadtest_requests_total{" in text]
    during, after = values(seen[1]), values(seen[-1])
    endpoint = (("endpoint", "GET /api/health"),)
    assert 0 < during["loadtest_requests_total"][endpoint] < after["loadtest_requests_total"][endpoint]
    (requests,) = after["loadtest_requests_total"].values()
    assert requests == sum(each["requests"] for each in run.report["endpoints"])
    assert (
        after["loadtest_latency_seconds_count"] == after["loadtest_service_time_seconds_count"] == {endpoint: requests}
    )
    failed = after["loadtest_request_failures_total"][(("class", "http_5xx"), *endpoint)]
    assert failed == sum(each["failed"] for each in run.report["endpoints"]) > 0
    assert after["loadtest_objective_met"] == {(("metric", "p95"), ("objective", "a")): 0.0}
    assert "loadtest_verdict" not in during
    (verdict,) = (dict(labels)["result"] for labels, value in after["loadtest_verdict"].items() if value)
    assert verdict == run.report["verdict"]["result"]
    assert after["loadtest_arrivals_dropped_total"] == {(): run.report["arrivals"]["dropped"]}
    assert during["loadtest_replicas"][(("state", "ready"),)] > 0
    assert names(seen[-1]) == set(RECORDED.read_text().splitlines())


@pytest.mark.slow
@pytest.mark.realtime
def test_nobody_waits_for_a_prometheus_that_is_not_there(
    serve: Callable[..., Target], locust: Callable[..., Run]
) -> None:
    run = locust("--profile", "steady", "--rate", "20", "--run-time", "2s", "--metrics-port", str(free_port()),
                 host=serve().url)  # fmt: skip
    run.wait_for("Verdict")
    said = time.monotonic()
    run.ended()
    assert time.monotonic() - said < 3


def test_a_port_that_is_taken_is_wrong_usage(locust: Callable[..., Run]) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        run = locust("--profile", "smoke", "--metrics-port", str(port), host="http://127.0.0.1:9")
        assert run.ended() == 2, run.output
    assert f"--metrics-port = {port} cannot be had" in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_what_is_no_port_is_wrong_usage(locust: Callable[..., Run], port: str) -> None:
    run = locust("--profile", "smoke", "--metrics-port", port, host="http://127.0.0.1:9")
    assert run.ended() == 2, run.output
    assert re.search(rf"--metrics-port.* {port} is not a port", run.output)

"""The run as metrics of Prometheus, on a port of the master's own. docs/loadtest.md lists them."""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from gevent import sleep
from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from loadtest.live.totals import BOUNDS_SECONDS, Durations
from loadtest.live.view import Live, View
from loadtest.slo.evaluate import Outcome
from loadtest.verdict import Result

PHASES: Final = ("warm-up", "ramp", "transient", "steady", "cool-down")
LES: Final = (*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf")
LINGER_AT_MOST_SECONDS: Final = 30.0
SECONDS_OF: Final = {" ms": 1e-3}
"""Prometheus wants seconds; what has no unit, or is a rate, stays as it is."""


class RunMetrics(Collector):
    """Of the run that `live` names; nothing before the first. A new run counts from nought, as a new process would."""

    def __init__(self, live: Callable[[], Live | None]) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        live = self._live()
        if live is None:
            return
        view = live.view()
        yield from _run(view)
        yield from _requests(live)
        yield from _objectives(view)
        if view.replicas is not None:
            replicas = GaugeMetricFamily("loadtest_replicas", "Of the watched autoscaler, by state.", labels=["state"])
            for state in ("desired", "current", "ready", "minimum", "maximum"):
                count = getattr(view.replicas, state)
                if count is not None:
                    replicas.add_metric([state], count)
            yield replicas
        if view.verdict is not None:
            yield _states(
                "verdict", "1 for the verdict; there once the run has ended.", _results(), view.verdict.result
            )


def _results() -> Mapping[str, Result]:
    return {result.value: result for result in Result}


def _states(name: str, about: str, values: Mapping[str, Any], now: Any) -> Metric:
    family = GaugeMetricFamily(f"loadtest_{name}", about, labels=[{"verdict": "result"}.get(name, name)])
    for word, value in values.items():
        family.add_metric([word], float(value == now))
    return family


def _run(view: View) -> Iterator[Metric]:
    info = GaugeMetricFamily("loadtest_run_info", "What is run; always 1.", labels=["profile", "model"])
    info.add_metric([view.plan.profile, view.plan.model], 1)
    yield info
    yield _states(
        "phase", "1 for the phase that the run is in.", dict(zip(PHASES, PHASES, strict=True)), view.phase.name
    )
    yield GaugeMetricFamily("loadtest_run_seconds", "Since the run began.", value=view.at_seconds)
    yield GaugeMetricFamily("loadtest_requests_in_flight", "Sent and not answered yet.", value=view.in_flight)
    if view.plan.model == "open":
        for name, about, value in (
            ("planned", "Arrivals that were due.", view.planned),
            ("started", "Arrivals that found a user.", view.started),
            ("dropped", "Arrivals that nobody can start any more.", view.dropped),
        ):
            yield CounterMetricFamily(f"loadtest_arrivals_{name}", about, value=value)
        yield GaugeMetricFamily("loadtest_arrivals_waiting", "Due, and without a free user.", value=view.waiting)
    if view.cpu_percent is not None:
        about = "Of one core, of the busiest generator; over 0.9 the run measures itself."
        yield GaugeMetricFamily("loadtest_generator_cpu_ratio", about, value=view.cpu_percent / 100)


def _requests(live: Live) -> Iterator[Metric]:
    totals = live.totals
    requests = CounterMetricFamily("loadtest_requests", "Requests that ended, failed ones too.", labels=["endpoint"])
    for endpoint, count in totals.requests.items():
        requests.add_metric([endpoint], count)
    yield requests
    failures = CounterMetricFamily("loadtest_request_failures", "Requests that failed.", labels=["endpoint", "class"])
    for endpoint, classes in totals.failures.items():
        for word, count in classes.items():
            failures.add_metric([endpoint, word], count)
    yield failures
    yield _histogram("latency", "From when a request was due to its answer.", totals.latency)
    yield _histogram("service_time", "From when a request was sent to its answer.", totals.service_time)


def _histogram(name: str, about: str, durations: Mapping[str, Durations]) -> Metric:
    family = HistogramMetricFamily(f"loadtest_{name}_seconds", about, labels=["endpoint"])
    for endpoint, each in durations.items():
        family.add_metric([endpoint], list(zip(LES, accumulate(each.counts), strict=True)), each.sum_seconds)
    return family


def _objectives(view: View) -> Iterator[Metric]:
    labels = ["objective", "metric"]
    limit = GaugeMetricFamily("loadtest_objective_limit", "Latency in seconds.", labels=labels)
    observed = GaugeMetricFamily("loadtest_objective_observed", "So far; latency in seconds.", labels=labels)
    met = GaugeMetricFamily(
        "loadtest_objective_met", "1 met, 0 missed; none while nothing was measured.", labels=labels
    )
    for outcome in view.objectives:
        of = [outcome.objective, outcome.metric]
        limit.add_metric(of, _based(outcome, outcome.limit))
        if outcome.observed is not None:
            observed.add_metric(of, _based(outcome, outcome.observed))
            met.add_metric(of, float(not outcome.missed))
    yield from (limit, observed, met)


def _based(outcome: Outcome, value: float) -> float:
    return value * SECONDS_OF.get(outcome.unit, 1.0)


class PortTaken(OSError):
    """The port for the metrics cannot be had; the message names it."""


class MetricsServer:
    """Serves /metrics on every address, as Locust does its web UI: names of routes and numbers, no secret."""

    def __init__(self, port: int, live: Callable[[], Live | None]) -> None:
        registry = CollectorRegistry()
        registry.register(RunMetrics(live))
        self._app = make_wsgi_app(registry)
        self._asked: list[float] = []
        self._server = WSGIServer(("", port), self._answer, log=None)
        try:
            self._server.start()
        except OSError as error:
            raise PortTaken(f"--metrics-port = {port} cannot be had: {error.strerror}") from error

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def linger(self) -> None:
        """Until whoever has been reading has read the verdict too; not at all where nobody reads."""
        if len(self._asked) < 2:
            return
        interval = self._asked[-1] - self._asked[-2]
        seen, deadline = len(self._asked), time.monotonic() + min(2 * interval, LINGER_AT_MOST_SECONDS)
        while len(self._asked) == seen and time.monotonic() < deadline:
            sleep(0.1)

    def stop(self) -> None:
        self._server.stop(timeout=1)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        self._asked = [*self._asked[-1:], time.monotonic()]
        return self._app(environ, start_response)

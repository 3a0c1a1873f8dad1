"""Three tabs in Locust's web UI: the run and its verdict, the objectives, and latency by endpoint.

Locust's own extension points: the page draws a table for each of `extended_tables` from what `/stats/requests` brings
in `extended_stats`. Source: Locust docs, "Extending Locust", "Extending the Web UI".
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Response, request
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_RUNNING, STATE_STOPPED, STATE_STOPPING
from locust.web import WebUI

from loadtest.live.view import Live, View

TABS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "portal-run": ("Run and verdict", {"what": "", "value": ""}),
    "portal-objectives": (
        "Objectives",
        {
            "objective": "Objective",
            "limit": "Limit",
            "observed": "Observed",
            "state": "State",
            "worst": "Worst endpoint",
        },
    ),
    "portal-latency": (
        "Latency, last 10 s",
        {
            "endpoint": "Endpoint",
            "requests": "Requests",
            "failed": "Failed",
            "p50": "p50 ms",
            "p95": "p95 ms",
            "p99": "p99 ms",
        },
    ),
}

# No column is called "name": Locust's page would sort by it, and the verdict comes first.
Rows = list[dict[str, Any]]


def add_tabs(web_ui: WebUI, live: Callable[[], Live | None], *, busy: Callable[[], bool]) -> None:
    """`busy`: whether a run goes on, or has ended and waits for its verdict."""
    web_ui.template_args |= {
        "extended_tabs": [{"key": key, "title": title} for key, (title, _) in TABS.items()],
        "extended_tables": [
            {"key": key, "structure": [{"key": column, "title": text} for column, text in columns.items()]}
            for key, (_, columns) in TABS.items()
        ],
    }
    assert web_ui.app is not None

    @web_ui.app.after_request
    def extended(response: Response) -> Response:
        if request.endpoint == "locust.request_stats" and response.is_json:
            report = response.get_json()
            report["state"] = _state(report["state"], busy=busy(), ended=live() is not None)
            report["extended_stats"] = [{"key": key, "data": rows} for key, rows in _tables(live())]
            response.set_data(json.dumps(report))
        return response


def _state(state: str, *, busy: bool, ended: bool) -> str:
    """As the page must see it: it stops asking at the first state but these two, before there is a verdict to show."""
    if busy or state in (STATE_CLEANUP, STATE_STOPPING):
        return STATE_RUNNING
    # A master that was refused a run has none of its own to tell of, and would show its form again without the reason.
    return STATE_STOPPED if ended and state == STATE_INIT else state


def _tables(live: Live | None) -> Iterator[tuple[str, Rows]]:
    if live is None:
        yield from ((key, []) for key in TABS)
        return
    view = live.view()
    rows = {"portal-run": _run(view), "portal-objectives": _objectives(view), "portal-latency": _latency(view)}
    yield from rows.items()


def _run(view: View) -> Rows:
    told: dict[str, Any] = {}
    if view.verdict is not None:
        told["Verdict"] = f"{view.verdict.result.value} (exit code {view.verdict.exit_code})"
        told |= {f"Reason {n}": each.text for n, each in enumerate(view.verdict.reasons, start=1)}
    told["Profile"] = f"{view.plan.profile}, {view.plan.model} model"
    told["Phase"] = f"{view.phase.label}, {view.at_seconds:.0f} s since the start"
    offered = "as the target lets" if view.offered_rps is None else f"{view.offered_rps:.1f}/s"
    told["Offered, achieved"] = f"{offered}, {view.achieved_rps:.1f}/s"
    if view.plan.model == "open":
        told["Arrivals"] = (
            f"{view.planned:,} planned, {view.started:,} started, {view.waiting:,} waiting, {view.dropped:,} dropped"
        )
    told["Requests in flight"] = f"{view.in_flight:,}"
    if view.cpu_percent is not None:
        told["Busiest generator"] = f"{view.cpu_percent:.0f} % of its core"
    if sample := view.replicas:
        told["Replicas"] = (
            f"{_known(sample.desired)} desired, {_known(sample.current)} current, {sample.ready} ready "
            f"(from {_known(sample.minimum)} to {_known(sample.maximum)})"
        )
    return [{"what": name, "value": value} for name, value in told.items()]


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)


def _objectives(view: View) -> Rows:
    return [
        {
            "objective": outcome.objective,
            "limit": f"{outcome.metric} {outcome.limit_text()}",
            "observed": outcome.observed_text(),
            "state": "not measured" if outcome.observed is None else "missed" if outcome.missed else "met",
            "worst": outcome.worst_endpoint or "",
        }
        for outcome in view.objectives
    ]


def _latency(view: View) -> Rows:
    return [
        {
            "endpoint": each.endpoint,
            "requests": each.requests,
            "failed": each.failed,
            "p50": round(each.p50_ms, 1),
            "p95": round(each.p95_ms, 1),
            "p99": round(each.p99_ms, 1),
        }
        for each in view.recent
    ]

"""The report's page: what it says, and that it holds whatever a target has answered."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.autoscaling.elasticity import Elasticity
from loadtest.autoscaling.record import Event, Gap
from loadtest.recording.histogram import Histogram
from loadtest.report import page as module
from loadtest.report.build import percentiles
from loadtest.report.document import (
    Comparison,
    ConditionChange,
    Difference,
    Document,
    EndpointPhase,
    Point,
    ProbeCounts,
    Replicas,
    Scaling,
    Searched,
)
from loadtest.report.page import page
from loadtest.run import Phase
from tests.loadtest.autoscaling.objects import calibration
from tests.loadtest.report.test_forms import document

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def endpoint(name: str, *, failures: dict[str, int] | None = None, count: int = 2000) -> EndpointPhase:
    chance = random.Random(name)
    latency = Histogram.recorded(int(chance.lognormvariate(9, 0.6)) for _ in range(count))
    found = failures or {}
    return EndpointPhase(
        endpoint=name,
        phase="steady",
        requests=count,
        failed=sum(found.values()),
        failures=found,
        latency_ms=percentiles(latency),
        service_time_ms=percentiles(latency),
        latency=latency,
    )


def watched() -> Scaling:
    return Scaling(
        source="the Kubernetes API",
        replicas=tuple(Replicas(at_seconds=at, desired=n, current=n, ready=n) for at, n in ((0, 3), (20, 5), (58, 5))),
        conditions=(ConditionChange(at_seconds=20, type="ScalingLimited", status="True", reason="X", message="y"),),
        events=(Event(at=21, reason="SuccessfulRescale", message="New size: 5", type="Normal"),),
        gaps=(Gap(start=40, end=45, reason="connection refused"),),
        elasticity=Elasticity(
            under_provisioning_percent=4.2,
            over_provisioning_percent=0,
            under_provisioned_time_percent=8,
            over_provisioned_time_percent=0,
            instability_percent=1,
        ),
    )


def compared(*differences: tuple[str, float]) -> Comparison:
    """Endpoints and by how many milliseconds they got surely slower."""
    return Comparison(
        began="2026-01-01",
        differences=tuple(
            Difference(endpoint=name, metric="p95", baseline=10, run=20, low=low, high=12, regression=low > 5)
            for name, low in differences
        ),
    )


def full(**changes: object) -> Document:
    """A run with everything that a page can show."""
    phases = (
        Phase(name="warm-up", label="warm-up", start_seconds=0, end_seconds=12, offered_rps=5),
        Phase(name="steady", label="steady", start_seconds=12, end_seconds=60, offered_rps=10),
    )
    chance = random.Random(1)
    points = tuple(
        Point(
            at_seconds=at,
            offered_rps=10,
            achieved_rps=10 - chance.random(),
            failed_rps=0,
            p50_ms=8 + chance.random(),
            p95_ms=20 + chance.random(),
            p99_ms=30 + 5 * chance.random(),
        )
        for at in range(60)
    )
    found = replace(
        document(("slo_missed", "p95 was 250 ms"), ("slo_missed", "another")),
        phases=phases,
        timeline=points,
        endpoints=(endpoint("GET /api/catalog"), endpoint(f"GET /{HOSTILE}", failures={f"content: {HOSTILE}": 3})),
        autoscaling=watched(),
        calibration=calibration(),
        breakpoint=Searched(
            found=None,
            required_rps=None,
            probes=(ProbeCounts(rate_rps=40, met=False, from_seconds=5, missed=("p95 too long",)),),
        ),
        comparison=compared(("GET /api/catalog", 8)),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def test_the_verdict_comes_first_with_its_reason_in_one_sentence() -> None:
    text = page(full())
    body = text[text.index("<body>") :]
    assert body.index("Objectives missed") < body.index("p95 was 250 ms.") < body.index("<h2")


def test_a_regression_stands_first_in_the_comparison() -> None:
    text = page(full(comparison=compared(("GET /fine", -2), ("GET /worse", 8))))
    shown = text[text.index("Comparison with the baseline") :]
    assert shown.index("GET /worse") < shown.index("GET /fine")
    assert "+8 to +12 ms" in shown


def test_what_a_target_answered_stays_text() -> None:
    text = page(full())
    assert "<img" not in text
    assert text.count("<script") == 3
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert [each["endpoint"] for each in json.loads(data)["distribution"]][1] == f"GET /{HOSTILE}"


def test_everything_that_was_measured_is_in_a_table_too() -> None:
    text = page(full())
    for said in (
        "SuccessfulRescale",
        "ScalingLimited",
        "connection refused",
        "under-provisioning",
        "4.2",
        "p95 too long",
    ):
        assert said in text, said


def test_a_run_in_which_nothing_was_sent_has_a_page(tmp_path: Path) -> None:
    text = page(full(timeline=(), endpoints=(), autoscaling=None, breakpoint=None, limits=(), duration_seconds=0))
    assert "Nothing was sent." in text


def test_without_the_library_there_are_tables_and_a_word_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "PLOTS", tmp_path)
    text = page(full())
    assert "uPlot was not installed" in text
    assert "<script" not in text
    assert "GET /api/catalog" in text


def test_a_percentile_that_few_requests_cannot_tell_is_left_out() -> None:
    (few,), (many,) = (module.distribution([endpoint("GET /", count=count)]) for count in (50, 5000))
    assert len(few["ms"]) < len(many["ms"])
    assert few["ms"] == sorted(few["ms"])

"""JUnit and Markdown: what other programs and people make of a run."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as Xml

from loadtest.report.document import DOCUMENT, Comparison, Difference, Document, Percentiles
from loadtest.report.junit import junit
from loadtest.report.summary import summary

TIMES = Percentiles(p50=1, p95=20, p99=30, p99_9=40, maximum=50, mean=2)


def limit(metric: str, *, missed: bool) -> dict[str, Any]:
    return {
        "objective": "portal", "metric": metric, "unit": " ms", "limit": 200, "observed": 250.0 if missed else 20.0,
        "missed": missed, "requests": 10, "from_seconds": 0, "to_seconds": 60, "worst_endpoint": "GET /slow|one",
    }  # fmt: skip


def endpoint(name: str, phase: str) -> dict[str, Any]:
    return {
        "endpoint": name, "phase": phase, "requests": 10, "failed": 1, "failures": {}, "latency_ms": TIMES,
        "service_time_ms": TIMES, "latency": "eAFTE2VgYGRgYAAAAc8APQ==",
    }  # fmt: skip


def document(*reasons: tuple[str, str]) -> Document:
    told = [{"result": result, "rule": "x", "text": text, "at_seconds": None} for result, text in reasons]
    return DOCUMENT.validate_python(
        {
            "version": 2, "profile": "smoke", "model": "open", "seed": 0, "started_at": "2026-01-01T00:00:00+00:00",
            "verdict": {"result": "slo_missed", "exit_code": 1, "sentence": "p95 was 250 ms", "reasons": told},
            "duration_seconds": 60, "ended": "completed", "phases": [], "timeline": [], "arrivals": None,
            "target": {"url": "http://127.0.0.1:1", "stand_ins": ["the frontend: a gateway"]},
            "limits": [limit("p50", missed=False), limit("p95", missed=True)], "generators": [], "problems": [],
            "endpoints": [endpoint("GET /a", "steady"), endpoint("GET /b", "warm-up")],
        }
    )  # fmt: skip


def test_each_limit_is_a_test_and_the_one_that_was_missed_fails() -> None:
    suite = Xml.fromstring(junit(document(("slo_missed", "p95"))))
    assert {suite.get(kind) for kind in ("failures", "errors")} == {"1", "0"}
    assert suite.get("tests") == "3"
    (failed,) = (case for case in suite.iter("testcase") if case.find("failure") is not None)
    assert failed.get("name") == "p95 at most 200 ms"
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "observed 250 ms, worst at GET /slow|one"


def test_a_limit_that_nothing_was_measured_for_is_neither_met_nor_missed() -> None:
    told = document()
    (_, unknown) = told.limits
    told = replace(told, limits=(replace(unknown, observed=None, missed=False),))
    suite = Xml.fromstring(junit(told))
    assert (suite.get("skipped"), suite.get("failures"), suite.get("tests")) == ("1", "0", "2")
    assert [case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None] == [
        "p95 at most 200 ms"
    ]
    assert "| portal | p95 at most 200 ms | nothing | not measured |" in summary(told)


def test_a_run_that_proves_nothing_is_an_error_even_if_every_limit_was_met() -> None:
    suite = Xml.fromstring(junit(document(("invalid_run", "worker lost"))))
    assert suite.get("errors") == "1"
    (error,) = suite.iter("error")
    assert error.text == "invalid_run: worker lost"


def test_what_a_target_answered_cannot_break_the_xml() -> None:
    suite = Xml.fromstring(junit(document(("invalid_run", "content: \x00\x1b[31m <&>"))))
    (error,) = suite.iter("error")
    assert error.text == "invalid_run: content: ??[31m <&>"


def test_the_summary_begins_with_the_verdict_and_names_what_is_not_real() -> None:
    first, second, *_ = summary(document(("slo_missed", "p95"))).split("\n\n")
    assert first == "## Load test: slo_missed"
    assert second.startswith("p95 was 250 ms. ")
    assert "Not the real thing: the frontend: a gateway." in summary(document())


def test_every_row_of_a_table_has_the_cells_of_its_head() -> None:
    text = summary(document(("slo_missed", "a | b\nc")))
    for table in (part for part in text.split("\n\n") if part.startswith("| ")):
        cells = {line.replace("\\|", "").count("|") for line in table.splitlines()}
        assert len(cells) == 1, table
    assert "GET /slow\\|one" in text
    assert "GET /b" not in text
    assert "a \\| b c" in text


def test_a_regression_is_a_test_that_fails_and_a_row_of_the_summary() -> None:
    worse = Difference(endpoint="GET /a", metric="p50", baseline=10, run=20, low=8, high=12, regression=True)
    same = Difference(endpoint="GET /a", metric="error ratio", baseline=0, run=0, low=0, high=0.001, regression=False)
    told = replace(document(), comparison=Comparison(began="2026-01-01", differences=(worse, same)))
    cases = [case for case in Xml.fromstring(junit(told)).iter("testcase") if case.get("classname") == "baseline"]
    assert [(case.get("name"), case.find("failure") is not None) for case in cases] == [
        ("p50 of GET /a", True),
        ("error ratio of GET /a", False),
    ]
    assert "| GET /a | p50 | 10 ms | 20 ms | +8 to +12 ms | **worse** |" in summary(told)

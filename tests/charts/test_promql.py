"""That metrics are found in expressions as Prometheus would find them."""

import pytest

from tests.charts.promql import Selector, known_metrics, selectors, unknown


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("up", {"up": set()}),
        ('up{job="a", namespace!="b"} == 0', {"up": {"job", "namespace"}}),
        ("sum by (job, le) (rate(a_bucket[5m]))", {"a_bucket": set()}),
        ("sum(a) by (job)", {"a": set()}),
        ("count without (pod) (a) > bool 3", {"a": set()}),
        ("a / on (namespace) group_left (node) b offset 5m", {"a": set(), "b": set()}),
        ("a and b or c unless d", {"a": set(), "b": set(), "c": set(), "d": set()}),
        ('absent(a{x=~"b(c|d)}", y!~"[e]"})', {"a": {"x", "y"}}),
        ("predict_linear(a[6h:1m], 4 * 86400) < 0 or vector(0)", {"a": set()}),
        ("histogram_quantile(0.95, portal:b:rate5m)", {"portal:b:rate5m": set()}),
        ("time() - max by (namespace) (a) > 1e3", {"a": set()}),
        ('label_values(a{namespace="$namespace"}, deployment)', {"a": {"namespace"}, "deployment": set()}),
    ],
)
def test_names_of_metrics_and_labels_are_told_from_everything_else(
    expression: str, expected: dict[str, set[str]]
) -> None:
    assert selectors(expression) == [Selector(name, frozenset(labels)) for name, labels in expected.items()]


def test_a_selector_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="without a metric name"):
        selectors('sum({job="a"})')


def test_a_metric_or_a_label_that_nothing_exposes_is_named() -> None:
    assert list(unknown("rate(http_server_request_duration_seconds_count[5m])")) == [
        "http_server_request_duration_seconds_count"
    ]
    assert list(unknown('http_server_request_duration_count{route="/"}')) == [
        "http_server_request_duration_count.route"
    ]
    assert list(unknown('http_server_request_duration_count{http_route="/", job="a"}')) == []
    assert list(unknown("portal:errors", recorded=["portal:errors"])) == []


def test_the_recording_of_the_backend_holds_what_its_dashboards_stand_on() -> None:
    recorded = known_metrics()
    assert {"http_response_status_code", "http_route", "le"} <= recorded["http_server_request_duration_bucket"]
    assert "http_server_request_duration_seconds_bucket" not in recorded

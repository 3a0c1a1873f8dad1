"""The Grafana dashboards: that each can be shown, and that every query asks for what exists."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from portal.kubernetes.own_charts import own_chart
from tests.charts.promql import promtool, unknown, write_rules
from tests.charts.rendering import example, render

NAMES = ("portal-autoscaling", "portal-cache", "portal-database", "portal-loadtest", "portal-overview")

each_dashboard = pytest.mark.parametrize("name", NAMES)


@cache
def dashboard(name: str) -> dict[str, Any]:
    """A dashboard as Grafana gets it: out of its ConfigMap."""
    document: dict[str, Any] = json.loads(_chart_data()[name][f"{name}.json"])
    return document


@cache
def _chart_data() -> dict[str, dict[str, str]]:
    maps = render("dashboards", example("dashboards", "prod")).all("ConfigMap")
    return {each["metadata"]["name"]: each["data"] for each in maps}


def expressions(document: dict[str, Any]) -> list[str]:
    """Every query with Grafana's own variable replaced by what it may stand for."""
    return [
        target["expr"].replace("$__rate_interval", "5m") for panel in document["panels"] for target in panel["targets"]
    ]


def test_every_dashboard_is_in_a_config_map_that_grafana_looks_for() -> None:
    maps = render("dashboards", example("dashboards", "prod")).all("ConfigMap")
    assert {each["metadata"]["name"] for each in maps} == set(NAMES)
    assert {each["metadata"]["labels"]["grafana_dashboard"] for each in maps} == {"1"}


@each_dashboard
def test_the_chart_changes_nothing_in_a_dashboard(name: str) -> None:
    assert dashboard(name) == json.loads((own_chart("dashboards") / "files" / f"{name}.json").read_text())


@each_dashboard
def test_every_query_is_promql(name: str, tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": expression}
        for number, expression in enumerate(expressions(dashboard(name)))
    ]
    code, output = promtool("check", "rules", write_rules(tmp_path, [{"name": name, "rules": rules}]), folder=tmp_path)
    assert code == 0, output
    assert f"{len(rules)} rules found" in output


@each_dashboard
def test_every_query_asks_for_what_exists(name: str) -> None:
    assert [lost for expression in expressions(dashboard(name)) for lost in unknown(expression)] == []


@each_dashboard
def test_every_variable_chooses_among_what_exists(name: str) -> None:
    for variable in dashboard(name)["templating"]["list"]:
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert match, variable["name"]
            assert list(unknown(match[1])) == []


@each_dashboard
def test_every_variable_in_use_is_defined(name: str) -> None:
    text = json.dumps(dashboard(name))
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))
    assert used == {variable["name"] for variable in dashboard(name)["templating"]["list"]}


@each_dashboard
def test_panels_are_of_a_kind_that_grafana_still_draws_and_do_not_overlap(name: str) -> None:
    """`graph` panels left Grafana in version 12."""
    document = dashboard(name)
    assert document["schemaVersion"] >= 39
    assert {panel["type"] for panel in document["panels"]} == {"timeseries"}
    assert {panel["datasource"]["uid"] for panel in document["panels"]} == {"${datasource}"}
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in document["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_dashboards_and_panels_can_be_told_apart() -> None:
    assert {name: dashboard(name)["uid"] for name in NAMES} == {name: name for name in NAMES}
    assert len({dashboard(name)["title"] for name in NAMES}) == len(NAMES)
    for name in NAMES:
        panels = dashboard(name)["panels"]
        assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("app", ["Frontend", "Backend"])
@pytest.mark.parametrize("panel", ["request rate", "response time", "error ratio"])
def test_the_guides_three_panels_are_there_for_both_applications(app: str, panel: str) -> None:
    """Guide, "Grafana Dashboard Configuration"."""
    (found,) = [each for each in dashboard("portal-overview")["panels"] if each["title"] == f"{app}: {panel}"]
    job = {"Frontend": "portal-frontend", "Backend": "backstage-backend"}[app]
    assert all(f'job="{job}"' in target["expr"] for target in found["targets"])


def test_the_autoscaling_dashboard_shows_wanted_and_real_pods_and_what_drives_them() -> None:
    queries = " ".join(expressions(dashboard("portal-autoscaling")))
    for name in (
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "kube_horizontalpodautoscaler_status_current_replicas",
        "kube_deployment_status_replicas_ready",
    ):
        assert name in queries
    for metric in ("cpu", "memory"):
        for part in ("status", "spec"):
            assert re.search(
                rf'kube_horizontalpodautoscaler_{part}_target_metric{{[^}}]*metric_name="{metric}"', queries
            )


def test_the_load_tests_dashboard_shows_what_was_offered_beside_latency_and_the_replicas_that_follow() -> None:
    queries = " ".join(expressions(dashboard("portal-loadtest")))
    for name in (
        "loadtest_arrivals_planned_total",
        "loadtest_arrivals_started_total",
        "loadtest_latency_seconds_bucket",
        "loadtest_objective_observed",
        "loadtest_verdict",
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "kube_horizontalpodautoscaler_status_current_replicas",
        "kube_deployment_status_replicas_ready",
    ):
        assert name in queries

"""Metrics that stay, and probes: in production on a cloud, and consistent from Prometheus to Grafana."""

import json
from ipaddress import ip_address

import pytest

from portal.kubernetes import probes
from portal.kubernetes.probes import JOB
from portal.spec.loader import Environments
from tests.charts.rendering import conforms, example, render
from tests.conftest import StackOf
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_release import EVERY_STACK

STACK = "kube-prometheus-stack"
PROD = tuple(name for name in EVERY_STACK if name.startswith("prod"))

each_prod = pytest.mark.parametrize("name", PROD)


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name not in PROD])
def test_below_enterprise_nothing_leaves_the_cluster(stack: StackOf, name: str) -> None:
    prometheus = stack(name).values(STACK)["prometheus"]
    assert "thanos" not in prometheus["prometheusSpec"]
    assert "thanosService" not in prometheus


@each_prod
def test_prometheus_writes_where_the_archive_reads_as_the_same_account(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    prometheus, archive = synthesized.values(STACK)["prometheus"], synthesized.values("metrics-archive")
    assert prometheus["prometheusSpec"]["thanos"]["objectStorageConfig"]["secret"] == archive["objects"]
    assert prometheus["prometheusSpec"]["thanos"]["image"] == archive["image"]
    assert prometheus["serviceAccount"]["name"] == archive["serviceAccount"]
    assert prometheus["prometheusSpec"]["podMetadata"]["labels"] == archive["podLabels"]
    assert synthesized.releases[STACK].address in synthesized.comes_after(synthesized.releases["metrics-archive"])


@each_prod
def test_each_sidecar_is_found_by_the_name_that_the_chart_gives_its_service(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert synthesized.values(STACK)["prometheus"]["thanosService"]["enabled"] is True
    full_name = synthesized.values(STACK)["fullnameOverride"]
    assert synthesized.values("metrics-archive")["sidecars"] == f"{full_name}-thanos-discovery"


@each_prod
def test_grafana_asks_the_archive(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    url = synthesized.values(STACK)["grafana"]["sidecar"]["datasources"]["url"]
    (query,) = [s for s in placed(synthesized, "Service") if s.name == "metrics-archive-query"]
    port = {port["name"]: port["port"] for port in query.spec["ports"]}["http"]
    assert url == f"http://{query.name}.{query.namespace}:{port}"


@each_prod
def test_samples_stay_as_long_as_the_data_say(stack: StackOf, name: str, environments: Environments) -> None:
    monitoring = environments.tiers["prod"].monitoring
    days = stack(name).values("metrics-archive")["retentionDays"]
    assert days["downsampled"] == monitoring.archive_days > monitoring.retention_days
    assert monitoring.retention_days <= days["raw"] <= days["downsampled"]


@each_prod
def test_the_probe_is_one_that_prometheus_makes_and_an_alert_reads(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    values = synthesized.values("prometheus-blackbox-exporter")
    (probe,) = values["extraManifests"]
    (finding,) = conforms(json.dumps(probe))
    assert finding["status"] == "statusValid", finding
    assert probe["metadata"]["labels"] == values["serviceMonitor"]["selfMonitor"]["labels"] == {"team": "platform"}
    assert probe["spec"]["module"] in values["config"]["modules"]
    # The chart names its Service after a release that bears the chart's name.
    release = synthesized.releases["prometheus-blackbox-exporter"]
    assert probe["spec"]["prober"]["url"] == f"{release['chart']}.{release['namespace']}:9115"
    alerts = [rule for rules in placed(synthesized, "PrometheusRule") for rule in _alerts(rules.spec)]
    (reading,) = [rule for rule in alerts if rule["alert"] == "PortalProbeFailing"]
    assert f'job="{probe["spec"]["jobName"]}"' in reading["expr"]
    assert probe["spec"]["jobName"] == JOB


@each_prod
def test_a_probe_asks_what_the_kubelet_asks_but_comes_in_as_people_do(
    stack: StackOf, environments: Environments, name: str
) -> None:
    """By the gateway, on its port, under the portal's name, for the path by which pods are found ready. Load balancers
    name nobody in the handshake; a client that has an address for a name leaves it out as well."""
    synthesized = stack(name)
    values = synthesized.values("prometheus-blackbox-exporter")
    (probe,) = values["extraManifests"]
    (frontend,) = [each for each in placed(synthesized, "Deployment") if each.name == "portal-frontend"]
    (container,) = frontend.spec["template"]["spec"]["containers"]
    path = container["readinessProbe"]["httpGet"]["path"]
    gateway = synthesized.releases["gateway"]
    (port,) = {p["port"] for p in synthesized.values("gateway")["service"]["ports"] if p["name"] == "https"}
    (asked,) = probe["spec"]["targets"]["staticConfig"]["static"]
    assert asked == f"https://{gateway['name']}.{gateway['namespace']}:{port}{path}"
    domain = environments.tiers["prod"].portal.domain
    http = values["config"]["modules"]["http_2xx"]["http"]
    assert http["headers"]["Host"] == domain
    ip_address(http["tls_config"]["server_name"])


def test_without_a_gateway_it_asks_the_service() -> None:
    assert probes.target(mesh=False) == "http://portal-frontend.developer-portal:4400/api/health/ready"


def _alerts(spec: dict[str, object]) -> list[dict[str, str]]:
    groups = spec["groups"]
    assert isinstance(groups, list)
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_without_an_archive_no_alert_asks_for_one() -> None:
    rendered = render("alerts", example("alerts", "dev"))
    assert not [rule for rule in rendered.all("PrometheusRule") if rule["metadata"]["name"].endswith("outside")]

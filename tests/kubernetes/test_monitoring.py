"""The monitoring levels, and that Prometheus sees what it should."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from portal.kubernetes import monitoring
from portal.kubernetes.contract import ManagedCache
from portal.spec.loader import Environments
from portal.spec.workloads import CACHES, Receiver
from tests.conftest import StackOf
from tests.kubernetes.test_mesh import CLUSTER, services_with
from tests.kubernetes.test_release import EVERY_STACK

CHART = "kube-prometheus-stack"


@pytest.mark.parametrize(
    ("name", "prometheuses", "retention", "alertmanagers", "grafana"),
    [
        ("dev-aws", 1, "3d", 0, False),
        ("staging-aws", 1, "30d", 1, True),
        ("prod-aws", 2, "30d", 3, True),
        ("local", 1, "3d", 0, False),
    ],
)
def test_levels_differ_as_the_guide_says(
    stack: StackOf, name: str, prometheuses: int, retention: str, alertmanagers: int, grafana: bool
) -> None:
    values = stack(name).values(CHART)
    spec = values["prometheus"]["prometheusSpec"]
    alertmanager = values["alertmanager"]
    assert (spec["replicas"], spec["retention"]) == (prometheuses, retention)
    assert (alertmanager["alertmanagerSpec"]["replicas"] if alertmanager["enabled"] else 0) == alertmanagers
    assert values["grafana"]["enabled"] is grafana


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_guides_label_reaches_every_monitor_also_of_subcharts(stack: StackOf, name: str) -> None:
    values = stack(name).values(CHART)
    label = {"team": "platform"}
    for kind in ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig"):
        assert values["prometheus"]["prometheusSpec"][f"{kind}Selector"] == {"matchLabels": label}
    assert values["commonLabels"] == label
    assert values["kube-state-metrics"]["prometheus"]["monitor"]["additionalLabels"] == label
    assert values["prometheus-node-exporter"]["prometheus"]["monitor"]["additionalLabels"] == label
    assert values["grafana"]["serviceMonitor"]["labels"] == label
    assert stack(name).values("cloudnative-pg")["monitoring"]["podMonitorAdditionalLabels"] == label


@pytest.mark.parametrize("name", EVERY_STACK)
def test_metrics_stop_growing_before_the_volume_is_full(stack: StackOf, name: str) -> None:
    spec = stack(name).values(CHART)["prometheus"]["prometheusSpec"]
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"]
    assert int(spec["retentionSize"].removesuffix("GiB")) < int(claim.removesuffix("Gi"))


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-gcp")])
def test_autopilot_gets_nothing_that_it_refuses(stack: StackOf, name: str) -> None:
    values = stack(name).values(CHART)
    for part in ("nodeExporter", "kubelet", "coreDns", "kubeProxy"):
        assert values[part]["enabled"] is False
    assert values["prometheusOperator"]["kubeletService"]["enabled"] is False
    assert values["prometheusOperator"]["nodeSelector"] == {}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_replicas_of_enterprise_stand_apart_and_one_may_go_at_a_time(stack: StackOf, name: str) -> None:
    values = stack(name).values(CHART)
    spec, alerts = values["prometheus"]["prometheusSpec"], values["alertmanager"]
    enterprise = name.startswith("prod")
    assert (spec["podAntiAffinity"] == "hard") is enterprise
    for part, replicas in (
        (values["prometheus"], spec["replicas"]),
        (alerts, alerts["alertmanagerSpec"]["replicas"]),
    ):
        budget = part["podDisruptionBudget"]
        # A budget over a single pod would hold up every drain of its node.
        assert budget["enabled"] is (enterprise and replicas > 1)
        assert not budget["enabled"] or budget["minAvailable"] == replicas - 1


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_basic_prometheus_asks_for_less_than_the_guides(stack: StackOf, name: str) -> None:
    requests = stack(name).values(CHART)["prometheus"]["prometheusSpec"]["resources"]["requests"]
    assert requests["memory"] == ("1Gi" if name.startswith(("dev", "local")) else "2Gi")


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_route_sees_alerts_from_every_namespace(stack: StackOf, name: str) -> None:
    spec = stack(name).values(CHART)["alertmanager"]["alertmanagerSpec"]
    assert spec["alertmanagerConfigMatcherStrategy"] == {"type": "None"}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_alerts_reach_somebody_by_a_secret_that_is_fetched(stack: StackOf, name: str) -> None:
    """The chart's own configuration sends everything to nobody."""
    alertmanager = stack(name).values(CHART)["alertmanager"]
    if not alertmanager["enabled"]:
        assert "config" not in alertmanager
        return
    config, (secret,) = alertmanager["config"], alertmanager["alertmanagerSpec"]["secrets"]
    told = told_by(config)
    assert told == {"webhook_configs": [{"url_file": f"/etc/alertmanager/secrets/{secret}/url", "send_resolved": True}]}
    credentials = stack(name).values("credentials")
    tier = name.partition("-")[0]
    assert {"name": secret, "namespace": "monitoring", "remote": f"portal-{tier}-{secret}"} in credentials["fetched"]
    assert credentials["store"]["namespaces"] == ["developer-portal", "monitoring"]


def told_by(config: Mapping[str, Any]) -> dict[str, Any]:
    """How an Alertmanager's configuration tells of an alert that no route of its own is for."""
    (found,) = (each for each in config["receivers"] if each["name"] == config["route"]["receiver"])
    return {key: value for key, value in found.items() if key != "name"}


@pytest.mark.parametrize(
    ("type", "kind", "field", "entry"),
    [
        ("webhook", "webhook_configs", "url_file", "url"),
        ("slack", "slack_configs", "api_url_file", "url"),
        ("pagerduty", "pagerduty_configs", "routing_key_file", "key"),
    ],
)
def test_no_address_of_a_receiver_is_in_the_values(
    environments: Environments, type: str, kind: str, field: str, entry: str
) -> None:
    receiver = Receiver.model_validate({"type": type, "secret": "alerts"})
    layer = environments.tiers["prod"].monitoring.model_copy(update={"receiver": receiver})
    values = monitoring.prometheus_values(monitoring=layer, cluster=CLUSTER, storage_class=None, protected=True)
    told = told_by(values["alertmanager"]["config"])
    assert told == {kind: [{field: f"/etc/alertmanager/secrets/alerts/{entry}", "send_resolved": True}]}
    (route,) = values["alertmanager"]["config"]["route"]["routes"]
    assert route == {"receiver": "null", "matchers": ['severity = "none"']}, "Watchdog is always on"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_nothing_is_scraped_that_a_managed_control_plane_hides(stack: StackOf, name: str) -> None:
    values = stack(name).values(CHART)
    for part in ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy"):
        assert values[part]["enabled"] is False


@pytest.mark.parametrize("name", EVERY_STACK)
def test_what_needs_the_host_lives_in_its_own_namespace_and_the_release_waits_for_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    values = synthesized.values(CHART)
    namespaces = {namespace["metadata"]["name"] for namespace in synthesized.all("kubernetes_namespace_v1")}
    if values["nodeExporter"]["enabled"]:
        assert values["prometheus-node-exporter"]["namespaceOverride"] == "node-agents"
        before = synthesized.comes_after(synthesized.releases[CHART])
        assert "kubernetes_network_policy_v1.platform_namespaces_node-agents-default-deny" in before
        assert "kubernetes_resource_quota_v1.platform_namespaces_node-agents-quota" in before
    else:
        assert "node-agents" not in namespaces
    # Both would run as root, which the namespace refuses.
    assert values["grafana"]["initChownData"]["enabled"] is False
    assert values["grafana"]["testFramework"]["enabled"] is False


def test_local_has_node_agents(stack: StackOf) -> None:
    assert stack("local").values(CHART)["nodeExporter"]["enabled"] is True


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if not name.startswith(("dev", "local"))])
def test_redis_is_watched_where_it_runs(stack: StackOf, name: str) -> None:
    """Where it does not, nobody would ever be its primary."""
    assert stack(name).values("alerts")["cache"] is ("redis-failover" in stack(name).releases)


def test_redis_runs_where_any_cache_is_inside() -> None:
    outside = ManagedCache(host="cache.example.com", port=6379, user="portal", secret="cache", cidrs=("10.0.0.0/24",))
    services = services_with(None)
    assert services.cache_inside
    assert replace(services, caches={"backstage-cache": outside}).cache_inside
    assert not replace(services, caches=dict.fromkeys(CACHES, outside)).cache_inside

"""The alerts: that each fires when it should and not otherwise, asks for what exists, and has its runbook."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.kubernetes import observability
from portal.kubernetes.contract import Cluster, KubeconfigAccess
from portal.spec.loader import Environments
from tests.charts.promql import known_metrics, promtool, selectors, unknown, write_rules
from tests.charts.rendering import ROOT, Object, Refused, changed, example, render

FIXTURES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
RUNBOOKS = ROOT / "docs/runbooks"

ALERTS = {
    "AutoscalerAtMax",
    "BackupTooOld",
    "CertificateNearExpiry",
    "ClusterBackupFailing",
    "ClusterBackupTooOld",
    "DatabaseReplicaDisconnected",
    "DatabaseReplicationLag",
    "MetricsArchiveFailing",
    "NodeDiskFillingUp",
    "PortalErrorBudgetBurn",
    "PortalErrorRatioHigh",
    "PortalLatencyHigh",
    "PortalProbeFailing",
    "PortalTailLatencyHigh",
    "PortalTargetDown",
    "RedisServiceEmpty",
    "RedisWithoutMaster",
    "SecretNotFetched",
    "VolumeFillingUp",
    "WalArchiveFailing",
}

Rule = dict[str, Any]


def groups(values: dict[str, Any]) -> list[Object]:
    return [group for rules in render("alerts", values).all("PrometheusRule") for group in rules["spec"]["groups"]]


def rules(values: dict[str, Any]) -> list[Rule]:
    return [rule for group in groups(values) for rule in group["rules"]]


def alerts(values: dict[str, Any]) -> list[Rule]:
    return [rule for rule in rules(values) if "alert" in rule]


@cache
def prod() -> tuple[Rule, ...]:
    return tuple(rules(example("alerts", "prod")))


def runbook_of(alert: str) -> str:
    """PortalTargetDown -> portal-target-down."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alert).lower()


@dataclass(frozen=True)
class Expectation:
    """What a fixture expects of an alert at one moment: the labels with which it fires, none where it does not."""

    selector: dict[str, str]
    firing: tuple[dict[str, str], ...]

    def about(self, rule: Rule) -> bool:
        return self.selector["alertname"] == rule["alert"] and all(
            self.selector.get(label, value) == value for label, value in rule["labels"].items()
        )


def labels_of(selector: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', selector))


def expectations() -> Iterator[Expectation]:
    for fixture in FIXTURES:
        for test in yaml.safe_load(fixture.read_text(encoding="utf-8"))["tests"]:
            for query in test["promql_expr_test"]:
                if 'alertname="' in query["expr"]:
                    samples = tuple(labels_of(sample["labels"]) for sample in query["exp_samples"])
                    yield Expectation(selector=labels_of(query["expr"]), firing=samples)


@pytest.mark.parametrize("size", ["dev", "prod"])
def test_prometheus_takes_the_rules(size: str, tmp_path: Path) -> None:
    written = write_rules(tmp_path, groups(example("alerts", size)))
    code, output = promtool("check", "rules", "--lint=all", "--lint-fatal", written, folder=tmp_path)
    assert code == 0, output
    assert f"{len(rules(example('alerts', size)))} rules found" in output


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.stem)
def test_alerts_fire_when_they_should_and_not_otherwise(fixture: Path, tmp_path: Path) -> None:
    write_rules(tmp_path, groups(example("alerts", "prod")))
    shutil.copy(fixture, tmp_path)
    code, output = promtool("test", "rules", fixture.name, folder=tmp_path)
    assert code == 0, output


def test_every_alert_is_seen_firing_and_seen_quiet() -> None:
    expected = list(expectations())
    for rule in (rule for rule in prod() if "alert" in rule):
        about = [each for each in expected if each.about(rule)]
        fires = [labels for each in about for labels in each.firing if rule["labels"].items() <= labels.items()]
        assert fires, (rule["alert"], rule["labels"])
        assert any(not each.firing for each in about), (rule["alert"], rule["labels"])


def test_texts_of_alerts_use_labels_that_the_alert_has() -> None:
    for rule in (rule for rule in prod() if "alert" in rule):
        has = {
            label
            for each in expectations()
            for labels in each.firing
            if labels["alertname"] == rule["alert"]
            for label in labels
        }
        used = set(re.findall(r"\$labels\.(\w+)", yaml.safe_dump(rule["annotations"])))
        assert used <= has, rule["alert"]


def test_every_rule_asks_for_what_exists() -> None:
    recorded = [rule["record"] for rule in prod() if "record" in rule]
    assert [lost for rule in prod() for lost in unknown(rule["expr"], recorded)] == []


def test_every_recorded_series_is_used_by_an_alert_at_the_same_level() -> None:
    for size in ("dev", "prod"):
        every = rules(example("alerts", size))
        recorded = {rule["record"] for rule in every if "record" in rule}
        read = {selector.metric for rule in every if "alert" in rule for selector in selectors(rule["expr"])}
        assert recorded <= read
        assert read <= recorded | known_metrics().keys()


def test_all_alerts_are_there_and_each_has_a_runbook_with_the_four_parts() -> None:
    assert {rule["alert"] for rule in prod() if "alert" in rule} == ALERTS
    for alert in ALERTS:
        text = (RUNBOOKS / f"{runbook_of(alert)}.md").read_text(encoding="utf-8")
        places = [text.find(f"**{part}.**") for part in ("Meaning", "Impact", "Diagnosis", "Mitigation")]
        assert -1 < places[0] < places[1] < places[2] < places[3], alert
        assert alert in text


def test_an_alert_says_where_its_runbook_is_and_how_bad_it_is() -> None:
    base = example("alerts", "prod")["runbookBaseUrl"]
    for rule in (rule for rule in prod() if "alert" in rule):
        assert rule["annotations"]["runbook_url"] == f"{base}/{runbook_of(rule['alert'])}.md"
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert "for" in rule, "a single sample is no reason to wake anybody"


def test_prometheus_selects_every_rule_object() -> None:
    for rule in render("alerts", example("alerts", "prod")).all("PrometheusRule"):
        assert rule["metadata"]["labels"]["team"] == "platform"


@pytest.mark.parametrize(
    ("path", "value", "lost"),
    [
        ("burnRate", False, {"PortalErrorBudgetBurn"}),
        ("backups", None, {"BackupTooOld", "WalArchiveFailing"}),
        ("clusterBackups", None, {"ClusterBackupFailing", "ClusterBackupTooOld"}),
        ("probes", False, {"PortalProbeFailing"}),
        ("metricsArchive", False, {"MetricsArchiveFailing"}),
        ("secretStore", False, {"SecretNotFetched"}),
        ("cache", False, {"RedisServiceEmpty", "RedisWithoutMaster"}),
        ("certificates", False, {"CertificateNearExpiry"}),
        ("nodeMetrics", False, {"VolumeFillingUp", "NodeDiskFillingUp"}),
    ],
)
def test_an_alert_on_what_does_not_exist_is_left_out(path: str, value: Any, lost: set[str]) -> None:
    left = {rule["alert"] for rule in alerts(changed(example("alerts", "prod"), path, value))}
    assert ALERTS - left == lost


@pytest.mark.parametrize(
    ("path", "value", "alert", "limit"),
    [
        ("objectives.latencyP95Seconds", 0.3, "PortalLatencyHigh", "0.3"),
        ("objectives.latencyP99Seconds", 0.9, "PortalTailLatencyHigh", "0.9"),
        ("objectives.errorRatio", 0.002, "PortalErrorRatioHigh", "0.02"),
        ("backups.maxAgeHours", 50, "BackupTooOld", "50 * 3600"),
    ],
)
def test_objectives_decide_the_limits(path: str, value: float, alert: str, limit: str) -> None:
    (rule,) = [rule for rule in alerts(changed(example("alerts", "prod"), path, value)) if rule["alert"] == alert]
    assert re.search(rf"> {re.escape(limit)}(\n|$)", rule["expr"].replace("\n>", " >"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("runbookBaseUrl", "http://git.example.com/docs"),
        ("runbookBaseUrl", "https://git.example.com/docs/"),
        ("portalNamespace", 'a", b="'),
        ("objectives.errorRatio", 0.02),
        ("backups.maxAgeHours", 0),
        ("burnRate", "yes"),
    ],
)
def test_a_bad_value_is_refused_by_name(path: str, value: Any) -> None:
    with pytest.raises(Refused, match=rf"'/{path.replace('.', '/')}'"):
        render("alerts", changed(example("alerts", "prod"), path, value))


def a_cluster(*, node_agents: bool) -> Cluster:
    return Cluster(
        name="test",
        access=KubeconfigAccess(path="~/.kube/config", context="test"),
        ready=(),
        node_pools=node_agents,
        vertical_autoscaler=not node_agents,
        node_agents=node_agents,
    )


@pytest.mark.parametrize(("tier", "burns"), [("staging", False), ("prod", True)])
@pytest.mark.parametrize("node_agents", [True, False])
def test_levels_and_clusters_decide_which_alerts_there_are(
    environments: Environments, tier: str, burns: bool, node_agents: bool
) -> None:
    monitoring = environments.tiers[tier].monitoring
    values = observability.alerts_values(
        monitoring=monitoring,
        cluster=a_cluster(node_agents=node_agents),
        runbook_base_url="https://git.example.com/docs/runbooks",
        backups=True,
        cluster_backups={},
        metrics_archive=burns,
        secret_store=burns,
        cache=burns,
        certificates=False,
    )
    found = {rule["alert"] for rule in alerts(values)}
    assert observability.has_readers(monitoring)
    assert ("PortalErrorBudgetBurn" in found) is burns
    assert ("VolumeFillingUp" in found) is node_agents
    assert "CertificateNearExpiry" not in found
    assert ("RedisWithoutMaster" in found) is burns
    assert {"BackupTooOld", "PortalErrorRatioHigh"} <= found
    assert observability.replaced_alerts(monitoring)["defaultRules"]["disabled"]["KubeHpaMaxedOut"] is True


def test_a_basic_prometheus_has_nobody_to_tell(environments: Environments) -> None:
    basic = environments.tiers["dev"].monitoring
    assert not observability.has_readers(basic)
    assert observability.replaced_alerts(basic) == {}

"""The monitoring levels, and that Prometheus sees what it should."""

import pytest

from tests.conftest import StackOf
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

"""What Prometheus watches, release by release, at every monitoring level."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.conftest import StackOf
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack

STACK = "kube-prometheus-stack"

MONITOR_VALUES = {
    # Release: the path of each switch, and that of the labels which go with it.
    "aws-load-balancer-controller": [("serviceMonitor.enabled", "serviceMonitor.additionalLabels")],
    "cert-manager": [("prometheus.servicemonitor.enabled", "prometheus.servicemonitor.labels")],
    "cloudnative-pg": [("monitoring.podMonitorEnabled", "monitoring.podMonitorAdditionalLabels")],
    "cluster-autoscaler": [("serviceMonitor.enabled", "serviceMonitor.selector")],
    "external-secrets": [("serviceMonitor.enabled", "serviceMonitor.additionalLabels")],
    "prometheus-blackbox-exporter": [("serviceMonitor.selfMonitor.enabled", "serviceMonitor.selfMonitor.labels")],
    "velero": [("metrics.serviceMonitor.enabled", "metrics.serviceMonitor.additionalLabels")],
    "vpa": [(f"{part}.podMonitor.enabled", f"{part}.podMonitor.labels") for part in ("recommender", "updater")],
}
"""Charts that bring their monitors."""

MONITOR_OBJECTS = {
    # Release: kinds and names of the monitors in our own charts.
    "portal": {"ServiceMonitor/portal-frontend", "ServiceMonitor/backstage-backend"},
    "postgres-cluster": {"PodMonitor/postgres-cluster"},
    "redis-failover": {"PodMonitor/redis-failover"},
    "redis-operator": {"PodMonitor/redis-failover-operator"},
    "istiod": {"PodMonitor/istiod"},
    "cni": {"PodMonitor/istio-cni"},
    "gateway": {"PodMonitor/gateway"},
    "metrics-archive": {"ServiceMonitor/metrics-archive"},
}
"""Releases that a monitor of ours is about, in whichever chart it lies."""

UNWATCHED = {
    "alerts": "starts no pod",
    "base": "starts no pod",
    "headroom": "does nothing",
    "mesh": "starts no pod",
    "cluster-policies": "starts no pod",
    "credentials": "starts no pod",
    "dashboards": "starts no pod",
    "internal-ca": "starts no pod",
    "managed-stores": "starts a Job at each change; a release that hangs says so",
    "prometheus-operator-crds": "starts no pod",
    "plugin-barman-cloud": "its metrics come from the database's instances",
}

NEVER_LEFT_OUT = {
    # Switches that make a chart pass over its monitor without a word where the API does not know the kind yet.
    "velero": ("metrics.serviceMonitor.autodetect", False),
    "external-secrets": ("serviceMonitor.renderMode", "alwaysRender"),
}


def at(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for key in path.split("."):
        found = found[key]
    return found


def selected(stack: SynthesizedStack) -> dict[str, str]:
    """What a monitor of any kind has to carry."""
    spec = stack.values(STACK)["prometheus"]["prometheusSpec"]
    kinds = ("serviceMonitor", "podMonitor", "rule", "probe", "scrapeConfig")
    (labels,) = {tuple(spec[f"{kind}Selector"]["matchLabels"].items()) for kind in kinds}
    return dict(labels)


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_release_that_runs_something_is_watched(stack: StackOf, name: str) -> None:
    known = {STACK, *MONITOR_VALUES, *MONITOR_OBJECTS, *UNWATCHED}
    assert stack(name).releases.keys() <= known, "say in this file by what it is watched, or why not"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_monitors_of_other_peoples_charts_are_on_and_carry_the_label_that_prometheus_selects(
    stack: StackOf, name: str
) -> None:
    synthesized = stack(name)
    assert selected(synthesized) == {"team": "platform"}
    for release in MONITOR_VALUES.keys() & synthesized.releases.keys():
        for switch, labels in MONITOR_VALUES[release]:
            assert at(synthesized.values(release), switch) is True, release
            assert selected(synthesized).items() <= at(synthesized.values(release), labels).items(), release
    for release in NEVER_LEFT_OUT.keys() & synthesized.releases.keys():
        path, value = NEVER_LEFT_OUT[release]
        assert at(synthesized.values(release), path) == value


@pytest.mark.parametrize("name", EVERY_STACK)
def test_monitors_of_our_charts_are_there_and_carry_it_too(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    found = {
        f"{each.kind}/{each.name}": each.body["metadata"]["labels"]
        for each in placed(synthesized, "ServiceMonitor", "PodMonitor", "Probe")
    }
    for release in MONITOR_OBJECTS.keys() & synthesized.releases.keys():
        assert MONITOR_OBJECTS[release] <= found.keys(), release
    for monitor, labels in found.items():
        assert selected(synthesized).items() <= labels.items(), monitor


@pytest.mark.parametrize("name", EVERY_STACK)
def test_monitors_come_after_the_kinds_that_they_are_of(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    kinds = synthesized.releases["prometheus-operator-crds"].address
    watched = MONITOR_VALUES.keys() | {each.release for each in placed(synthesized, "ServiceMonitor", "PodMonitor")}
    for release in watched & synthesized.releases.keys():
        assert kinds in synthesized.comes_after(synthesized.releases[release]), release

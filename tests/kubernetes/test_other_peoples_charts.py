"""What other people's charts do unless they are told otherwise: each default that bites, and what we say instead."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from portal.kubernetes.priorities import SYSTEM
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.kubernetes.rendered import namespaces
from tests.kubernetes.test_monitors import at
from tests.kubernetes.test_release import EVERY_STACK, key_tree, third_party
from tests.kubernetes.test_security import priority_classes
from tests.synthesized import SynthesizedStack

each_stack = pytest.mark.parametrize("name", EVERY_STACK)

STARTS_NOTHING = {
    # Places for the resources of containers that are never started, with the switch that keeps them off.
    "aws-load-balancer-controller": {},
    "external-secrets": {"genericTargets.resources": "kinds that it may write, no container"},
    "istiod": {
        "global.defaultResources": "replaced by those of each part",
        "global.proxy.resources": "the chart itself gives proxies requests and limits",
        "global.waypoint.resources": "there is no waypoint",
    },
    "cni": {"global.defaultResources": "replaced by those of each part"},
    "kube-prometheus-stack": {
        "crds.upgradeJob.resources": "crds.enabled",
        "grafana.testFramework.resources": "grafana.testFramework.enabled",
        "grafana.downloadDashboards.resources": "dashboards come as ConfigMaps",
        "grafana.initChownData.resources": "grafana.initChownData.enabled",
        "grafana.imageRenderer.resources": "off by itself",
        "kube-state-metrics.kubeRBACProxy.resources": "off by itself",
        "prometheus-node-exporter.kubeRBACProxy.resources": "off by itself",
        "prometheusOperator.admissionWebhooks.deployment.resources": "the operator answers itself",
        "prometheusOperator.admissionWebhooks.patch.resources": "cert-manager instead",
        "thanosRuler.thanosRulerSpec.resources": "off by itself",
    },
    "prometheus-blackbox-exporter": {"configReloader.resources": "off by itself"},
    "velero": {"nodeAgent.resources": "off by itself"},
    "vpa": {
        "metrics-server.resources": "metrics-server.enabled",
        "metrics-server.addonResizer.resources": "metrics-server.enabled",
    },
}


def places(tree: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Where a chart takes the resources of a container."""
    for key, below in tree.items() if isinstance(tree, Mapping) else ():
        if key == "resources" or key.endswith(("JobResources", "defaultResources")):
            yield ".".join((*path, key))
        else:
            yield from places(below, (*path, key))


@each_stack
def test_every_container_of_every_chart_is_told_what_it_may_use(stack: StackOf, name: str) -> None:
    """Most charts say nothing; Autopilot and Fargate charge by request, and the scheduler believes it."""
    for chart in third_party(stack(name)):
        values = stack(name).values(chart)
        for place in set(places(key_tree(chart)["keys"])) - STARTS_NOTHING.get(chart, {}).keys():
            resources = at(values, place)
            assert {"cpu", "memory"} <= resources["requests"].keys(), (chart, place)
            assert "memory" in resources["limits"], (chart, place)


def test_what_starts_nothing_is_still_a_place_of_its_chart() -> None:
    for chart, excused in STARTS_NOTHING.items():
        assert excused.keys() <= set(places(key_tree(chart)["keys"])), chart


CRITICAL_BY_DEFAULT = {"aws-load-balancer-controller", "cluster-autoscaler", "cni"}
"""Charts whose pods are `system-cluster-critical` or `system-node-critical` unless told otherwise."""


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-gcp")])
def test_on_autopilot_nothing_claims_the_priority_of_the_system_and_nothing_enters_kube_system(
    stack: StackOf, name: str
) -> None:
    """GKE grants that priority in kube-system alone, where nobody but itself may write."""
    synthesized = stack(name)
    for chart, release in synthesized.releases.items():
        assert release["namespace"] not in ("kube-system", "default")
        assert chart not in CRITICAL_BY_DEFAULT or priority_of(synthesized, chart)
        assert not [each for each in priority_classes(synthesized.values(chart)) if each.startswith("system-")]


def priority_of(stack: SynthesizedStack, chart: str) -> set[str]:
    return set(priority_classes(stack.values(chart)))


@each_stack
def test_operators_are_scheduled_before_what_they_run(stack: StackOf, name: str) -> None:
    """A chart names no priority by itself: its pods would be evicted for those of the portal."""
    without = {release for release in third_party(stack(name)) if not priority_of(stack(name), release)}
    # Kinds alone; and two whose own default is higher than ours.
    assert without <= {"base", "prometheus-operator-crds", "cluster-autoscaler", "cni"}


@pytest.mark.parametrize("name", ["staging-aws", "prod-azure"])
def test_on_system_nodes_all_have_one_priority_so_that_nobody_is_pushed_off(stack: StackOf, name: str) -> None:
    """Where a chart takes the nodes of a container's pod, it or the chart as a whole names the priority."""
    for chart in set(third_party(stack(name))) - CRITICAL_BY_DEFAULT:
        for place, priority in on_system_nodes(stack(name).values(chart)):
            assert priority == SYSTEM, (chart, place)
    # On every node, full ones too.
    exporter = stack(name).values("kube-prometheus-stack")["prometheus-node-exporter"]
    assert exporter["priorityClassName"] == SYSTEM


def on_system_nodes(values: Any, place: str = "", above: str | None = None) -> Iterator[tuple[str, str | None]]:
    """Places whose pods choose system nodes, each with its priority or that of what it is a part of."""
    if not isinstance(values, Mapping):
        return
    priority = values.get("priorityClassName") or values.get("global", {}).get("priorityClassName") or above
    if values.get("nodeSelector") == {"workload-type": "system"}:
        yield place, priority
    for key, inner in values.items():
        yield from on_system_nodes(inner, f"{place}.{key}", priority)


@each_stack
def test_whoever_names_a_priority_comes_after_it_is_made(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    made = synthesized.releases["cluster-policies"].address
    for release, resource in synthesized.releases.items():
        if priority_of(synthesized, release):
            assert made in synthesized.comes_after(resource), release


ONE = {
    # What must not run twice, or has no second replica: the key that would start one.
    "plugin-barman-cloud": "replicaCount",
    "kube-prometheus-stack": "grafana.replicas",
    "velero": "deployNodeAgent",
}


@each_stack
def test_what_must_not_run_twice_does_not(stack: StackOf, name: str) -> None:
    """The plugin replaces itself by Recreate; Grafana's database is a file; nothing needs Velero's privileged agent."""
    for release, path in ONE.items():
        if release in stack(name).releases:
            with pytest.raises(KeyError):
                at(stack(name).values(release), path)


@each_stack
def test_no_budget_holds_up_the_drain_of_a_node_with_the_only_prometheus_operator(stack: StackOf, name: str) -> None:
    assert "podDisruptionBudget" not in stack(name).values("kube-prometheus-stack")["prometheusOperator"]


@each_stack
def test_schedules_have_the_fields_that_their_reader_expects(stack: StackOf, name: str) -> None:
    """Velero reads five; CloudNativePG six, seconds first, and would run a schedule of five each minute or never."""
    synthesized = stack(name)
    if "velero" not in synthesized.releases:
        return
    for schedule in synthesized.values("velero")["schedules"].values():
        assert len(schedule["schedule"].split()) == 5
    seconds, *rest = synthesized.values("postgres-cluster")["backup"]["schedule"].split()
    assert (seconds, len(rest)) == ("0", 5)


@each_stack
def test_velero_gets_one_place_and_no_empty_one_beside_it(stack: StackOf, name: str) -> None:
    """Both lists hold one empty entry by default."""
    if "velero" in stack(name).releases:
        configuration = stack(name).values("velero")["configuration"]
        (place,) = configuration["backupStorageLocation"]
        assert place["default"] is True
        assert all(place[field] for field in ("name", "provider", "bucket"))
        assert configuration["volumeSnapshotLocation"] == []


@each_stack
def test_the_gateway_may_be_injected_and_needs_no_low_port(stack: StackOf, name: str) -> None:
    """Its image is `auto`, which the injector fills in; its security context replaces the default, sysctls included."""
    synthesized = stack(name)
    if "gateway" not in synthesized.releases:
        return
    values = synthesized.values("gateway")
    labels = namespaces(synthesized)[synthesized.releases["gateway"]["namespace"]]
    assert labels.get("istio-injection") != "disabled"
    assert all(port["targetPort"] > 1023 for port in values["service"]["ports"])
    assert "sysctls" not in values["securityContext"]


@each_stack
def test_what_intercepts_traffic_is_where_privileged_pods_may_be(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    if "cni" in synthesized.releases:
        labels = namespaces(synthesized)[synthesized.releases["cni"]["namespace"]]
        assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


@each_stack
def test_the_node_autoscaler_is_of_the_clusters_version(stack: StackOf, versions: Versions, name: str) -> None:
    if "cluster-autoscaler" in stack(name).releases:
        tag = stack(name).values("cluster-autoscaler")["image"]["tag"]
        assert tag.startswith(f"v{versions.kubernetes.version}.")


def test_no_version_is_one_that_is_known_to_lose_failover_or_is_a_candidate(versions: Versions) -> None:
    """redis-operator before 0.26 forgets its Sentinel after a restart; Istio's four charts are one release."""
    releases = versions.charts.releases
    major, minor, _ = map(int, releases["redis-operator"].version.split("."))
    assert (major, minor) >= (0, 26)
    assert len({releases[chart].version for chart in ("base", "istiod", "cni", "gateway")}) == 1
    assert not [name for name, chart in releases.items() if "-" in chart.version]


@each_stack
def test_deleting_a_release_never_deletes_the_resources_of_its_kinds(stack: StackOf, name: str) -> None:
    """Charts whose kinds are templates take them along, unless they are told to leave them. CloudNativePG, its plugin
    and Istio leave them by themselves."""
    keep = {"helm.sh/resource-policy": "keep"}
    for release in ("external-secrets", "prometheus-operator-crds"):
        assert stack(name).values(release)["crds"]["annotations"] == keep
    assert stack(name).values("cert-manager")["crds"]["keep"] is True
    for release in ("cloudnative-pg", "plugin-barman-cloud", "base"):
        if release in stack(name).releases:
            assert "crds" not in stack(name).values(release)

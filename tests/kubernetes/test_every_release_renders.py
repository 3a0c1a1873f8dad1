"""Every own chart, rendered with the values that each stack really passes.

`pytest -s tests/kubernetes/test_every_release_renders.py` prints how many objects of each kind were validated.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from portal.helm_values import REFERENCE, decoded
from portal.kubernetes.monitoring import SELECTED
from portal.rendering import Object, OwnRelease, render
from portal.spec.versions import Versions
from tests.charts.rendering import Refused, conforms, helm, matches
from tests.conftest import StackOf
from tests.kubernetes.actors import RUN_PODS, pods
from tests.kubernetes.pod_security import containers, violations
from tests.kubernetes.rendered import Placed, namespaces, placed, releases_of
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack

each_stack = pytest.mark.parametrize("name", EVERY_STACK)

TIERS = ("dev", "staging", "prod")

REPLICAS = {
    # dev, staging, prod; a pair is what an autoscaler may choose from, 0 is none at all.
    "Deployment/portal-frontend": (1, (3, 12), (6, 12)),
    "Deployment/backstage-backend": (1, 3, 6),
    "Deployment/headroom": (0, 0, 2),
    "Cluster/postgres-cluster": (1, 3, 3),
    "Pooler/postgres-cluster-pooler": (0, 2, 3),
    "Deployment/metrics-archive-query": (0, 0, 2),
    "Deployment/metrics-archive-store": (0, 0, 2),
    "StatefulSet/metrics-archive-compactor": (0, 0, 1),
    "RedisReplication/redis-failover": (1, 3, 3),
}
"""Guide, "Environment Configuration Matrix" and "Database Architecture"."""

COUNTS = {
    "Deployment": "replicas",
    "StatefulSet": "replicas",
    "Cluster": "instances",
    "Pooler": "instances",
    "RedisReplication": "clusterSize",
}
"""The field that says how many pods a kind starts."""

THIRD_PARTY_VALUES = {
    # dev, staging, prod.
    "cert-manager: replicaCount": (1, 2, 2),
    "cert-manager: webhook.replicaCount": (1, 3, 3),
    "cert-manager: startupapicheck.timeout": ("5m", "5m", "5m"),
    "cloudnative-pg: replicaCount": (1, 2, 2),
    "external-secrets: replicaCount": (1, 2, 2),
    "external-secrets: webhook.replicaCount": (1, 2, 2),
    "prometheus-operator-crds: crds.annotations": ({"helm.sh/resource-policy": "keep"},) * 3,
    "kube-prometheus-stack: crds.enabled": (False, False, False),
    "redis-operator: replicas": (1, 2, 2),
    # dev has none.
    "plugin-barman-cloud: resources.limits.memory": (None, "128Mi", "128Mi"),
    "prometheus-blackbox-exporter: replicas": (None, None, 2),
    "prometheus-blackbox-exporter: podDisruptionBudget.maxUnavailable": (None, None, 1),
    "prometheus-blackbox-exporter: podSecurityContext.runAsNonRoot": (None, None, True),
    "velero: credentials.useSecret": (None, False, False),
    "velero: snapshotsEnabled": (None, False, False),
    "velero: upgradeCRDs": (None, True, True),
    "velero: containerSecurityContext.allowPrivilegeEscalation": (None, False, False),
    "velero: metrics.serviceMonitor.autodetect": (None, False, False),
    "aws-load-balancer-controller: enableServiceMutatorWebhook": (False, False, False),
    "aws-load-balancer-controller: enableCertManager": (True, True, True),
    "aws-load-balancer-controller: replicaCount": (1, 2, 2),
    "aws-load-balancer-controller: securityContext.allowPrivilegeEscalation": (False, False, False),
    "base: defaultRevision": ("default",) * 3,
    "istiod: env.ENABLE_NATIVE_SIDECARS": ("true",) * 3,
    "istiod: autoscaleMin": (1, 2, 2),
    "istiod: global.defaultPodDisruptionBudget.enabled": (False, True, True),
    "istiod: cni.enabled": (True, True, True),
    "istiod: global.proxy.seccompProfile.type": ("RuntimeDefault",) * 3,
    "istiod: seccompProfile.type": ("RuntimeDefault",) * 3,
    "istiod: meshConfig.defaultConfig.holdApplicationUntilProxyStarts": (True, True, True),
    "cni: seccompProfile.type": ("RuntimeDefault",) * 3,
    # The guide's 3-10.
    "gateway: autoscaling.minReplicas": (1, 3, 3),
    "gateway: autoscaling.maxReplicas": (3, 10, 10),
    "gateway: resources.limits.cpu": ("2000m",) * 3,
    "gateway: resources.limits.memory": ("1024Mi",) * 3,
    "gateway: securityContext.runAsNonRoot": (True, True, True),
    "external-secrets: installCRDs": (True, True, True),
    "external-secrets: leaderElect": (True, True, True),
    "kube-prometheus-stack: prometheusOperator.admissionWebhooks.certManager.enabled": (True, True, True),
    "aws-load-balancer-controller: createIngressClassResource": (False, False, False),
    "cluster-autoscaler: replicaCount": (1, 2, 2),
    "vpa: admissionController.replicaCount": (1, 2, 2),
    "vpa: metrics-server.enabled": (False, False, False),
    "cluster-autoscaler: securityContext.runAsNonRoot": (True, True, True),
    "cluster-autoscaler: containerSecurityContext.allowPrivilegeEscalation": (False, False, False),
    "kube-prometheus-stack: prometheus.prometheusSpec.replicas": (1, 1, 2),
    "kube-prometheus-stack: prometheus.prometheusSpec.retention": ("3d", "30d", "30d"),
    "kube-prometheus-stack: prometheus.prometheusSpec.podAntiAffinity": ("soft", "soft", "hard"),
    "kube-prometheus-stack: prometheus.podDisruptionBudget.enabled": (False, False, True),
    "kube-prometheus-stack: alertmanager.enabled": (False, True, True),
    "kube-prometheus-stack: alertmanager.alertmanagerSpec.replicas": (1, 1, 3),
    "kube-prometheus-stack: alertmanager.podDisruptionBudget.enabled": (False, False, True),
    "kube-prometheus-stack: grafana.enabled": (False, True, True),
    "kube-prometheus-stack: grafana.initChownData.enabled": (False, False, False),
    "kube-prometheus-stack: grafana.testFramework.enabled": (False, False, False),
    "redis-operator: podSecurityContext.runAsNonRoot": (True, True, True),
    "redis-operator: securityContext.allowPrivilegeEscalation": (False, False, False),
}
"""What matters of releases whose chart is not here to render."""


OF_SOME_CLOUDS: Mapping[str, set[str]] = {
    # On Google Cloud the control plane is Google's.
    "PodMonitor/istiod": {"aws", "azure"},
    "TargetGroupBinding/gateway": {"aws"},
    "PodMonitor/istio-cni": {"aws", "azure"},
}
"""Objects of own charts that only some clouds get, by kind and name, with those clouds."""

OF_TECHDOCS: Mapping[str, set[str]] = {
    # Files that replicas share are built on AWS.
    "PersistentVolume/developer-portal-techdocs": {"aws"},
    "PersistentVolumeClaim/techdocs": {"aws"},
}

OF_MANAGED_STORES: Mapping[str, set[str]] = {
    # In staging and production Backstage's stores are outside the cluster on AWS, and inside elsewhere.
    "ConfigMap/backstage-database-ca": {"aws"},
    "ConfigMap/backstage-db-grants": {"aws"},
    "Database/postgres-cluster-backstage": {"azure", "gcp"},
    "ExternalSecret/backstage-cache": {"aws"},
    "ExternalSecret/backstage-db-administrator": {"aws"},
    "Job/backstage-db-grants": {"aws"},
    "NetworkPolicy/backstage-db-grants": {"aws"},
}


def tier(stack_name: str) -> int:
    """The column of a stack; the local one is of development size."""
    return TIERS.index("dev" if stack_name == "local" else stack_name.partition("-")[0])


DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


@cache
def complaints(release: OwnRelease) -> str:
    """Refused by lint: an exception. Stacks with equal values share one answer."""
    values = json.loads(release.values)
    return helm("lint", str(release.chart), "--namespace", release.namespace, "--strict", values=values)


@cache
def findings(release: OwnRelease) -> list[dict[str, Any]]:
    return conforms("\n---\n".join(json.dumps(object) for object in render(release)))


@each_stack
def test_helm_finds_nothing_to_complain_about(stack: StackOf, name: str) -> None:
    for release in releases_of(stack(name)):
        assert "0 chart(s) failed" in complaints(release), release.name


@cache
def refused_by_the_first_plan(chart: Path, values: str) -> str | None:
    """What Helm says of the values that a plan knows before anything is made."""
    try:
        helm("lint", str(chart), values=json.loads(values))
    except Refused as refused:
        return str(refused)
    return None


@each_stack
def test_the_first_plan_of_an_environment_refuses_nothing(stack: StackOf, name: str) -> None:
    """Terraform's provider lints when it plans, and skips documents with something in them that is not known yet."""
    synthesized = stack(name)
    for release, resource in synthesized.releases.items():
        if resource["lint"]:
            known = [document for document in resource["values"] if not REFERENCE.search(document)]
            values = decoded(known, known=str)
            refused = refused_by_the_first_plan(synthesized.file.parent / resource["chart"], json.dumps(values))
            assert refused is None, release


@each_stack
def test_every_object_has_the_form_that_its_api_demands(stack: StackOf, name: str) -> None:
    for release in releases_of(stack(name)):
        found = findings(release)
        assert [finding for finding in found if finding["status"] != "statusValid"] == [], release.name
        assert len(found) == len(render(release)) > 0, release.name


@each_stack
def test_every_release_is_either_rendered_here_or_checked_by_its_values(stack: StackOf, name: str) -> None:
    own = {release.name for release in releases_of(stack(name))}
    checked = {row.split(": ")[0] for row in THIRD_PARTY_VALUES}
    assert own & checked == set()
    assert stack(name).releases.keys() - own <= checked, "add what matters of it to THIRD_PARTY_VALUES"


def test_the_stacks_of_a_tier_consist_of_the_same_objects(stack: StackOf) -> None:
    """Whatever the cloud. The count by kind is printed for who asks."""
    counts = {name: Counter(each.kind for each in placed(stack(name))) for name in EVERY_STACK}
    kinds = sorted(set().union(*counts.values()))
    print("\n" + "\n".join(table_of(counts, kinds)))
    distinct = {release for name in EVERY_STACK for release in releases_of(stack(name))}
    total = sum(count.total() for count in counts.values())
    print(f"{total} objects of {len(kinds)} kinds validated, from {len(distinct)} different renderings")
    for column in TIERS:
        stacks = [name for name in EVERY_STACK if name.startswith(f"{column}-")]
        objects = {name: {_name(each) for each in placed(stack(name))} for name in stacks}
        somewhere, everywhere = set.union(*objects.values()), set.intersection(*objects.values())
        found = {each: {name.rpartition("-")[2] for name in stacks if each in objects[name]} for each in somewhere}
        expected = {**OF_SOME_CLOUDS, **OF_TECHDOCS, **({} if column == "dev" else OF_MANAGED_STORES)}
        assert {each: clouds for each, clouds in found.items() if each not in everywhere} == expected, column


def _name(each: Placed) -> str:
    """A Job's name ends in a hash of what it runs."""
    name = each.name.rpartition("-")[0] if each.kind == "Job" else each.name
    return f"{each.kind}/{name}"


def table_of(counts: dict[str, Counter[str]], kinds: list[str]) -> Iterator[str]:
    width = max(map(len, counts))
    yield " ".join([" " * width, *kinds])
    for name, count in counts.items():
        yield " ".join([name.ljust(width), *(str(count[kind] or "-").rjust(len(kind)) for kind in kinds)])


@each_stack
def test_every_workload_has_the_replicas_of_its_tier(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    found = {f"{each.kind}/{each.name}": replicas(each, synthesized) for each in placed(synthesized, *COUNTS)}
    wanted = {workload: columns[tier(name)] for workload, columns in REPLICAS.items()}
    assert found == {workload: count for workload, count in wanted.items() if count}


def replicas(each: Placed, stack: SynthesizedStack) -> Any:
    """A number, or the bounds of the autoscaler that decides instead."""
    for scaler in placed(stack, "HorizontalPodAutoscaler"):
        target = scaler.spec["scaleTargetRef"]
        if (scaler.namespace, target["kind"], target["name"]) == (each.namespace, each.kind, each.name):
            assert COUNTS[each.kind] not in each.spec, "two would decide"
            return scaler.spec["minReplicas"], scaler.spec["maxReplicas"]
    return each.spec[COUNTS[each.kind]]


@each_stack
def test_no_two_autoscalers_act_on_one_workload(stack: StackOf, name: str) -> None:
    """Both follow CPU and memory, and each would undo what the other does. Admission cannot compare two objects."""
    horizontal = {target(each, "scaleTargetRef") for each in placed(stack(name), "HorizontalPodAutoscaler")}
    vertical = placed(stack(name), "VerticalPodAutoscaler")
    assert vertical
    for each in vertical:
        if target(each, "targetRef") in horizontal:
            assert each.spec["updatePolicy"]["updateMode"] == "Off", each.name


def target(scaler: Placed, reference: str) -> tuple[str, str, str]:
    found = scaler.spec[reference]
    return scaler.namespace, found["kind"], found["name"]


@each_stack
def test_third_party_releases_have_the_values_of_their_tier(stack: StackOf, name: str) -> None:
    for row, columns in THIRD_PARTY_VALUES.items():
        release, path = row.split(": ")
        if release in stack(name).releases:
            value: Any = stack(name).values(release)
            for key in path.split("."):
                value = value[key]
            assert value == columns[tier(name)], row


def test_no_row_is_about_a_release_that_no_stack_has(stack: StackOf) -> None:
    installed = set().union(*(stack(name).releases for name in EVERY_STACK))
    assert {row.split(": ")[0] for row in THIRD_PARTY_VALUES} <= installed


@each_stack
def test_a_budget_guards_every_deployment_with_a_pod_to_spare_and_no_other(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for each in placed(synthesized, "Deployment", "StatefulSet"):
        count = replicas(each, synthesized)
        least = count[0] if isinstance(count, tuple) else count
        if each.name == "headroom":
            continue  # It gives way to everything, drains included.
        guarding = [budget for budget in placed(synthesized, "PodDisruptionBudget") if selects_pods(budget, each)]
        assert len(guarding) == (1 if least > 1 else 0), each.name
    budgets = {
        (each.kind, each.name): each.spec.get("enablePDB", (each.spec.get("pdb") or {}).get("enabled", False))
        for each in placed(synthesized, "Cluster", "RedisReplication")
    }
    assert set(budgets.values()) == {tier(name) > 0}


def selects_pods(selecting: Placed, workload: Placed) -> bool:
    labels = workload.spec["template"]["metadata"]["labels"]
    return selecting.namespace == workload.namespace and matches(selecting.spec["selector"], labels)


@each_stack
def test_every_pod_template_passes_the_level_of_its_namespace(stack: StackOf, name: str) -> None:
    enforced = {
        namespace: labels["pod-security.kubernetes.io/enforce"] for namespace, labels in namespaces(stack(name)).items()
    }
    templates = list(pod_templates(stack(name)))
    assert templates
    for each, spec in templates:
        if enforced[each.namespace] == "restricted":
            assert violations(spec) == [], each.name


@each_stack
def test_every_container_says_what_it_needs_and_no_pod_gets_a_token_it_did_not_ask_for(
    stack: StackOf, name: str
) -> None:
    for each, spec in pod_templates(stack(name)):
        assert "automountServiceAccountToken" in spec, each.name
        for container in containers(spec):
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), each.name
            assert "memory" in container["resources"]["limits"], each.name


def pod_templates(stack: SynthesizedStack) -> Iterator[tuple[Placed, dict[str, Any]]]:
    for each in placed(stack, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
        holder: Object = each.spec["jobTemplate"]["spec"] if each.kind == "CronJob" else each.spec
        yield each, holder["template"]["spec"]


@each_stack
def test_pods_of_operators_are_restricted_too(stack: StackOf, name: str) -> None:
    """CloudNativePG sets everything but the profile by itself, the Redis operator nothing."""
    for each in placed(stack(name), "Cluster"):
        assert each.spec["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in placed(stack(name), "RedisReplication"):
        parts = {"container": each.spec, "exporter": each.spec["redisExporter"], "init": each.spec["initContainer"]}
        as_pod = {
            "securityContext": each.spec["podSecurityContext"],
            "containers": [{"name": part, "securityContext": body["securityContext"]} for part, body in parts.items()],
        }
        assert violations(as_pod) == [], each.kind


@each_stack
def test_every_image_is_named_by_what_is_in_it_or_by_a_tag_that_versions_yaml_answers_for(
    stack: StackOf, versions: Versions, name: str
) -> None:
    """The portal's own by digest always. An operand whose registry has yet to be asked for one has a reason there."""
    apps = stack(name).values("portal")
    own = {apps[part]["image"] for part in ("frontend", "backend")}
    answered_for = {image.reference for image in versions.images.values()}
    found = {image for each in placed(stack(name)) for image in images(each.body)}
    assert own < found
    for image in found - answered_for:
        assert DIGEST.search(image), image
    for image in found:
        assert not re.search(r":latest(@|$)", image)


def images(value: Any) -> Iterator[str]:
    """Every image that an object names."""
    if isinstance(value, list):
        for inner in value:
            yield from images(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("image", "imageName") and isinstance(inner, str):
                yield inner
            else:
                yield from images(inner)


@each_stack
def test_prometheus_selects_every_monitor_and_rule_and_each_monitor_something(stack: StackOf, name: str) -> None:
    """And what it selects has the port that it names."""
    monitors = placed(stack(name), "PodMonitor", "ServiceMonitor", "PrometheusRule", "Probe", "ScrapeConfig")
    assert monitors
    for each in monitors:
        assert matches(SELECTED, each.body["metadata"]["labels"]), each.name
    for each in placed(stack(name), "PodMonitor"):
        selected = [
            actor
            for actor in pods(stack(name))
            if matches(each.spec["selector"], actor.labels) and in_reach(each, actor)
        ]
        assert selected, each.name
        for endpoint in each.spec["podMetricsEndpoints"]:
            # A number where the pod gives its port no name; the network matrix knows whether it is reached.
            assert "portNumber" in endpoint or all(endpoint["port"] in actor.ports for actor in selected), each.name
    for each in placed(stack(name), "ServiceMonitor"):
        services = [
            service
            for service in placed(stack(name), "Service")
            if matches(each.spec["selector"], service.body["metadata"]["labels"]) and in_reach(each, service)
        ]
        assert services, each.name
        for endpoint in each.spec["endpoints"]:
            ports = [{port.get("name") for port in service.spec["ports"]} for service in services]
            assert all(endpoint["port"] in names for names in ports), each.name


def in_reach(monitor: Placed, target: Any) -> bool:
    """Whether a monitor looks into a namespace: its own, unless it names others or all."""
    chosen = monitor.spec.get("namespaceSelector") or {}
    return bool(chosen.get("any")) or target.namespace in chosen.get("matchNames", [monitor.namespace])


@each_stack
def test_every_service_sends_to_a_port_of_pods_that_exist(stack: StackOf, name: str) -> None:
    for service in placed(stack(name), "Service"):
        selected = [
            actor
            for actor in pods(stack(name))
            if actor.namespace == service.namespace and service.spec["selector"].items() <= actor.labels.items()
        ]
        assert selected, service.name
        for port in service.spec["ports"]:
            target = port.get("targetPort", port["port"])
            for actor in selected:
                assert target in actor.ports or target in {number for _, number in actor.ports.values()}, service.name


@each_stack
def test_a_selector_selects_the_pods_of_its_own_workload(stack: StackOf, name: str) -> None:
    """And of no other in the namespace, or two controllers would fight over them."""
    workloads = placed(stack(name), "Deployment", "StatefulSet", "DaemonSet")
    for each in workloads:
        chosen = [other.name for other in workloads if selects_pods(each, other)]
        assert chosen == [each.name]


def test_each_workload_kind_of_the_replica_table_starts_pods() -> None:
    assert COUNTS.keys() <= RUN_PODS.keys()

"""The portal's release runs: what selects something on paper selects running pods.

Pods are kwok's; Services' endpoints, disruption budgets and autoscalers are the real controllers' work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.charts.rendering import matches
from tests.cluster.api import Api, Object, define, wait
from tests.cluster.conftest import needs_programs
from tests.cluster.stack_objects import provider_objects
from tests.conftest import StackOf
from tests.kubernetes.rendered import Placed, placed
from tools.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.slow

NAMESPACE = "developer-portal"
FIRST = ("Namespace", "ResourceQuota", "PriorityClass", "ServiceAccount", "ConfigMap")


@dataclass(frozen=True, kw_only=True)
class Running:
    api: Api
    objects: tuple[Placed, ...]

    def made(self, kind: str) -> list[Placed]:
        return [each for each in self.objects if each.kind == kind]

    def all(self, version: str, plural: str) -> list[dict[str, Any]]:
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        items: list[dict[str, Any]] = self.api.read(f"{root}/namespaces/{NAMESPACE}/{plural}")["items"]
        return items

    def live(self, version: str, plural: str, name: str) -> dict[str, Any]:
        return next(item for item in self.all(version, plural) if item["metadata"]["name"] == name)

    def pods(self, selector: Object) -> list[dict[str, Any]]:
        return [pod for pod in self.all("v1", "pods") if matches(selector, pod["metadata"]["labels"])]


@pytest.fixture(scope="module", params=["local", "staging-gcp", "prod-aws"])
def running(request: pytest.FixtureRequest, stack: StackOf) -> Iterator[Running]:
    needs_programs()
    synthesized = stack(request.param)
    portal = [each for each in placed(synthesized) if each.release == "portal" or each.kind == "PriorityClass"]
    provider = [
        Placed(release="terraform", namespace=body["metadata"].get("namespace", ""), body=body)
        for body in provider_objects(synthesized)
        if NAMESPACE in (body["metadata"]["name"], body["metadata"].get("namespace"))
    ]
    objects = sorted(
        [*provider, *portal], key=lambda each: FIRST.index(each.kind) if each.kind in FIRST else len(FIRST)
    )
    with ControlPlane() as cluster:
        api = Api(cluster.kubeconfig)
        define(api)
        for each in objects:
            if each.kind == "Deployment":
                label_nodes(api, each.spec["template"]["spec"].get("nodeSelector", {}))
        for each in objects:
            answer = api.apply(each.body, namespace=each.namespace, dry_run=False)
            assert answer.accepted, f"{each.kind} {each.name}: {answer.message}"
        found = Running(api=api, objects=tuple(objects))
        wait(lambda: all(complete(found, each) for each in found.made("Deployment")), "ready Deployments")
        yield found


def label_nodes(api: Api, labels: dict[str, str]) -> None:
    """So that pods with this selector have somewhere to go."""
    for name in ("node-0", "node-1", "node-2"):
        api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}, dry_run=False)


def complete(found: Running, deployment: Placed) -> bool:
    live = found.live("apps/v1", "deployments", deployment.name)
    return bool(live.get("status", {}).get("readyReplicas", 0) == live["spec"]["replicas"])


def test_each_service_has_the_running_pods_as_endpoints(running: Running) -> None:
    services = [each for each in running.made("Service") if each.spec.get("selector")]
    assert len(services) >= 2
    for service in services:
        selected = {pod["metadata"]["name"] for pod in running.pods({"matchLabels": service.spec["selector"]})}
        assert selected, f"Service {service.name} selects no running pod"

        def ready(service: Placed = service) -> set[str]:
            return {
                endpoint["targetRef"]["name"]
                for part in running.all("discovery.k8s.io/v1", "endpointslices")
                if part["metadata"]["labels"]["kubernetes.io/service-name"] == service.name
                for endpoint in part["endpoints"] or ()
                if endpoint["conditions"]["ready"]
            }

        wait(lambda ready=ready, selected=selected: ready() == selected, f"endpoints of {service.name}")  # type: ignore[misc]


def test_each_disruption_budget_covers_pods_and_lets_one_go(running: Running) -> None:
    for budget in running.made("PodDisruptionBudget"):

        def allows(name: str = budget.name) -> bool:
            status = running.live("policy/v1", "poddisruptionbudgets", name)["status"]
            return bool(status.get("expectedPods", 0) >= 2 and status["disruptionsAllowed"] == 1)

        wait(allows, f"budget {budget.name} that covers its pods")


def test_each_autoscaler_finds_what_it_scales(running: Running) -> None:
    for autoscaler in running.made("HorizontalPodAutoscaler"):

        def able(name: str = autoscaler.name) -> bool:
            status = running.live("autoscaling/v2", "horizontalpodautoscalers", name).get("status", {})
            return any(c["type"] == "AbleToScale" and c["status"] == "True" for c in status.get("conditions") or ())

        wait(able, f"autoscaler {autoscaler.name} that is able to scale")


def test_each_network_policy_of_the_portal_isolates_running_pods(running: Running) -> None:
    policies = [each for each in running.made("NetworkPolicy") if each.release == "portal"]
    assert len(policies) >= 2
    for policy in policies:
        assert running.pods(policy.spec["podSelector"]), f"NetworkPolicy {policy.name} selects no running pod"


def test_each_service_monitor_reads_a_port_that_a_service_has(running: Running) -> None:
    monitors = running.made("ServiceMonitor")
    assert len(monitors) >= 2
    for monitor in monitors:
        services = [
            service
            for service in running.all("v1", "services")
            if matches(monitor.spec["selector"], service["metadata"].get("labels", {}))
        ]
        ports = {port["name"] for service in services for port in service["spec"]["ports"]}
        assert services, f"ServiceMonitor {monitor.name} selects no Service"
        assert {endpoint["port"] for endpoint in monitor.spec["endpoints"]} <= ports

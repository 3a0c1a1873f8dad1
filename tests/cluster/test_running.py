"""What our charts run, runs: what selects something on paper selects running pods, in every stack of prod and in local.

Pods are kwok's; Services' endpoints, disruption budgets and autoscalers are the real controllers' work. Releases whose
pods an operator makes have no pods here: their objects are judged in test_acceptance.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from tests.charts.rendering import matches
from tests.cluster.api import Api, Object, define, wait
from tests.cluster.conftest import cluster
from tests.cluster.stack_objects import foreign_accounts, pod_of, provider_objects
from tests.conftest import StackOf
from tests.kubernetes.rendered import Placed, placed

pytestmark = pytest.mark.slow

FIRST = ("StorageClass", "Namespace", "ResourceQuota", "PriorityClass", "ServiceAccount", "ConfigMap")
NONE = {
    ("local", "PodDisruptionBudget"): "local has one pod of each, and nothing to keep while it goes",
    ("local", "HorizontalPodAutoscaler"): "local does not scale",
}
"""What a stack has none of, and why."""


@dataclass(frozen=True, kw_only=True)
class Running:
    stack: str
    api: Api
    objects: tuple[Placed, ...]

    def made(self, kind: str) -> list[Placed]:
        """One at least, or the test is skipped for a reason."""
        found = [each for each in self.objects if each.kind == kind and each.release != "terraform"]
        if not found:
            assert (self.stack, kind) in NONE, f"{self.stack} has no {kind}: say why in {__name__}"
            pytest.skip(NONE[self.stack, kind])
        return found

    def live(self, each: Placed) -> dict[str, Any]:
        return self.api.read(f"{self.api.path(each.body, each.namespace)}/{each.name}")

    def beside(self, each: Placed, group: str, plural: str) -> list[dict[str, Any]]:
        """All of a kind in the namespace of an object."""
        items: list[dict[str, Any]] = self.api.read(f"/{group}/namespaces/{each.namespace}/{plural}")["items"]
        return items

    def pods(self, each: Placed, selector: Object) -> list[dict[str, Any]]:
        return [pod for pod in self.beside(each, "api/v1", "pods") if matches(selector, pod["metadata"]["labels"])]


@pytest.fixture(scope="module", params=["local", "prod-aws", "prod-gcp", "prod-azure"])
def running(request: pytest.FixtureRequest, stack: StackOf) -> Iterator[Running]:
    synthesized = stack(request.param)
    charts = placed(synthesized)
    releases = {each.release for each in charts if pod_of(each)}
    own = [each for each in charts if each.release in releases or each.kind == "PriorityClass"]
    places = {each.namespace for each in own}
    provider = [
        Placed(release="terraform", namespace=body["metadata"].get("namespace", ""), body=body)
        for body in provider_objects(synthesized)
        if body["kind"] == "StorageClass" or places & {body["metadata"]["name"], body["metadata"].get("namespace")}
    ]
    objects = sorted([*provider, *own], key=lambda each: FIRST.index(each.kind) if each.kind in FIRST else len(FIRST))
    with cluster(runs_pods=True) as api:
        define(api)
        for body in [*nodes(own), *volumes(own)]:
            assert api.apply(body, dry_run=False).accepted
        accounts = [
            Placed(release="others", namespace=body["metadata"]["namespace"], body=body)
            for body in foreign_accounts(own)
        ]
        spaces = [each for each in objects if each.kind == "Namespace"]
        for each in [*spaces, *accounts, *(each for each in objects if each not in spaces)]:
            answer = api.apply(each.body, namespace=each.namespace, dry_run=False)
            assert answer.accepted, f"{each.kind} {each.name}: {answer.message}"
        found = Running(stack=request.param, api=api, objects=tuple(objects))
        for each in objects:
            if pod_of(each):
                wait(lambda each=each: complete(found, each), f"complete {each.kind} {each.name}")  # type: ignore[misc]
        yield found


def nodes(objects: Sequence[Placed]) -> list[Object]:
    """In three zones, for pods that ask for nodes with certain labels."""
    pods = [pod for each in objects if (pod := pod_of(each))]
    asked = {tuple(sorted(pod["spec"].get("nodeSelector", {}).items())) for pod in pods} - {()}
    size = {"cpu": "1000", "memory": "1Ti", "pods": "1000", "ephemeral-storage": "1Ti"}

    def node(name: str, zone: int, labels: dict[str, str]) -> Object:
        places = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{zone}"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": places | labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "status": {"allocatable": size, "capacity": size},
        }

    return [
        node(f"portal-{number}-{zone}", zone, dict(labels))
        for number, labels in enumerate(sorted(asked))
        for zone in range(3)
    ]


def volumes(objects: Sequence[Placed]) -> list[Object]:
    """For the first pod of each StatefulSet: no cloud is there that makes them."""
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"portal-{each.name}-{claim['metadata']['name']}"},
            "spec": {
                "storageClassName": claim["spec"].get("storageClassName", ""),
                "accessModes": claim["spec"]["accessModes"],
                "capacity": claim["spec"]["resources"]["requests"],
                "hostPath": {"path": "/none"},
            },
        }
        for each in objects
        if each.kind == "StatefulSet"
        for claim in each.spec["volumeClaimTemplates"]
    ]


def complete(found: Running, workload: Placed) -> bool:
    live = found.live(workload)
    status = live.get("status", {})
    if workload.kind == "Job":
        return bool(status.get("succeeded", 0) >= 1)
    return bool(status.get("readyReplicas", 0) == live["spec"]["replicas"])


def unanswered(running: Running, service: Placed) -> list[str]:
    """What a Service offers and no ready pod answers."""
    slices = [
        part
        for part in running.beside(service, "apis/discovery.k8s.io/v1", "endpointslices")
        if part["metadata"]["labels"]["kubernetes.io/service-name"] == service.name
    ]
    ready = {
        endpoint["targetRef"]["name"]
        for part in slices
        for endpoint in part["endpoints"] or ()
        if endpoint["conditions"]["ready"]
    }
    pods = running.pods(service, {"matchLabels": service.spec["selector"]})
    listening = {
        port["containerPort"]
        for pod in pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
    }
    answered = {
        port.get("name", "") for part in slices for port in part["ports"] or () if port.get("port") in listening
    }
    return [
        *([] if pods else ["it selects no running pod"]),
        *(f"pod {name} is no endpoint" for name in sorted({pod["metadata"]["name"] for pod in pods} - ready)),
        *(f"port {port['name']}" for port in service.spec["ports"] if port.get("name", "") not in answered),
    ]


def test_each_service_has_the_running_pods_as_endpoints_of_all_its_ports(running: Running) -> None:
    services = [each for each in running.made("Service") if each.spec.get("selector")]
    assert len(services) >= 2
    for service in services:
        wait(lambda service=service: not unanswered(running, service), f"endpoints of {service.name}")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ports": [{"name": "http", "port": 80, "targetPort": "htttp"}]}, "port http"),
        ({"ports": [{"name": "http", "port": 80, "targetPort": 4}]}, "port http"),
        ({"selector": {"app": "nobody"}}, "it selects no running pod"),
    ],
)
def test_a_service_that_nobody_answers_is_noticed(running: Running, change: dict[str, Any], told: str) -> None:
    frontend = next(each for each in running.made("Service") if each.name == "portal-frontend")
    body = deepcopy(dict(frontend.body))
    body["metadata"] = {"name": "planted"}
    body["spec"] |= change
    planted = Placed(release="planted", namespace=frontend.namespace, body=body)
    assert running.api.apply(body, namespace=planted.namespace, dry_run=False).accepted
    try:
        wait(lambda: told in unanswered(running, planted) and settled(running, planted), "sign of it")
        assert told in unanswered(running, planted)
    finally:
        running.api.delete(body, namespace=planted.namespace)


def settled(running: Running, service: Placed) -> bool:
    """The controller has said what it knows of it."""
    return any(
        part["metadata"]["labels"]["kubernetes.io/service-name"] == service.name
        for part in running.beside(service, "apis/discovery.k8s.io/v1", "endpointslices")
    )


def test_each_disruption_budget_covers_pods_and_lets_one_go(running: Running) -> None:
    for budget in running.made("PodDisruptionBudget"):

        def allows(budget: Placed = budget) -> bool:
            pods = len(running.pods(budget, budget.spec["selector"]))
            status = running.live(budget)["status"]
            # Two at least: the autoscaler may still have to say so.
            return bool(pods >= 2 and status.get("expectedPods") == pods and status["disruptionsAllowed"] == 1)

        wait(allows, f"budget {budget.name} that covers its pods")


def test_each_autoscaler_finds_what_it_scales(running: Running) -> None:
    for autoscaler in running.made("HorizontalPodAutoscaler"):

        def able(autoscaler: Placed = autoscaler) -> bool:
            status = running.live(autoscaler).get("status", {})
            return any(c["type"] == "AbleToScale" and c["status"] == "True" for c in status.get("conditions") or ())

        wait(able, f"autoscaler {autoscaler.name} that is able to scale")


def test_each_network_policy_isolates_running_pods(running: Running) -> None:
    for policy in running.made("NetworkPolicy"):
        assert running.pods(policy, policy.spec["podSelector"]), f"NetworkPolicy {policy.name} selects no running pod"


def test_each_service_monitor_reads_a_port_that_a_service_has(running: Running) -> None:
    for monitor in running.made("ServiceMonitor"):
        services = [
            service
            for service in running.beside(monitor, "api/v1", "services")
            if matches(monitor.spec["selector"], service["metadata"].get("labels", {}))
        ]
        ports = {port["name"] for service in services for port in service["spec"]["ports"]}
        assert services, f"ServiceMonitor {monitor.name} selects no Service"
        assert {endpoint["port"] for endpoint in monitor.spec["endpoints"]} <= ports

"""An API server takes everything that our stacks put into a cluster, and refuses what it should.

For each stack: its namespaces, policies, priorities and service accounts are made for real; all else is a dry run of
server-side apply with unknown fields refused, which goes through schema, defaults, CEL, Pod Security and our policies.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import ceil
from typing import Any

import pytest

from tests.cluster.api import Answer, Api, Object, define, wait
from tests.cluster.conftest import cluster
from tests.cluster.stack_objects import foreign_accounts, pod_of, provider_objects
from tests.conftest import StackOf
from tests.kubernetes.rendered import Placed, placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack

pytestmark = pytest.mark.slow

# Made for real, in this order: what admission asks for when it judges the rest.
REAL = ("Namespace", "ServiceAccount", "PriorityClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
POLICIES = REAL[3:]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """With the definitions of all custom resources."""
    with cluster() as found:
        define(found)
        yield found


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A stack on the server, as far as its objects can be judged by it."""

    stack: SynthesizedStack
    api: Api
    objects: tuple[Placed, ...]
    answers: tuple[tuple[str, Answer], ...] = ()
    """What the server said to each object, under "kind namespace/name"."""

    def workloads(self) -> list[tuple[Placed, Object]]:
        return [(each, pod) for each in self.objects if (pod := pod_of(each)) is not None]

    def workload(self, name: str) -> Placed:
        return next(each for each, _ in self.workloads() if each.name == name)

    @property
    def denies(self) -> bool:
        actions = [each.spec["validationActions"] for each in self.objects if each.kind == POLICIES[1]]
        assert actions, f"{self.stack.name} has no policies"
        return all("Deny" in each for each in actions)


@pytest.fixture(scope="module", params=EVERY_STACK)
def installed(request: pytest.FixtureRequest, stack: StackOf, api: Api) -> Iterator[Installed]:
    """Each stack in turn, with the policies of no other."""
    name: str = request.param
    synthesized = stack(name)
    charts = placed(synthesized)
    of_provider = [
        Placed(release="terraform", namespace=body["metadata"].get("namespace", ""), body=body)
        for body in provider_objects(synthesized)
    ]
    objects = sorted(
        [*of_provider, *charts], key=lambda each: REAL.index(each.kind) if each.kind in REAL else len(REAL)
    )

    def applied(*, real: bool) -> list[tuple[str, Answer]]:
        chosen = [each for each in objects if (each.kind in REAL) is real]
        return [
            (
                f"{each.kind} {each.namespace}/{each.name}",
                api.apply(each.body, namespace=each.namespace, dry_run=not real),
            )
            for each in chosen
        ]

    answers = applied(real=True)
    for account in foreign_accounts(objects):
        assert api.apply(account, dry_run=False).accepted
    wait(lambda: in_force(Installed(stack=synthesized, api=api, objects=tuple(objects))), f"policies of {name}")
    answers += applied(real=False)
    yield Installed(stack=synthesized, api=api, objects=tuple(objects), answers=tuple(answers))
    for each in objects:
        if each.kind in POLICIES:
            api.delete(each.body)


def in_force(found: Installed) -> bool:
    """A policy acts some time after it was made, and on for some time after it is gone."""
    return all(noticed(found, rule, dry_run(found, bad)) for rule, bad in planted(found).items())


def noticed(found: Installed, rule: str, answer: Answer) -> bool:
    """Refused by that rule where the stack denies; where it only warns, warned of by it and let through."""
    told = answer.message if found.denies else " ".join(answer.warnings)
    return answer.accepted is not found.denies and rule in told


def dry_run(found: Installed, body: Object) -> Answer:
    return found.api.create(body)


def planted(found: Installed) -> dict[str, Object]:
    """Pods of the frontend that are bad in one way each, by the rule that should see it."""
    frontend = next(pod for each, pod in found.workloads() if each.name == "portal-frontend")

    def bad(**container: Any) -> dict[str, Any]:
        pod = deepcopy(dict(frontend))
        pod["spec"]["containers"][0] |= container
        return pod

    trusted = next(each for each in found.objects if (each.kind, each.name) == (POLICIES[0], "portal-trusted-images"))
    # From where images may come, so that nothing else is wrong with it.
    (place, *_) = next(json.loads(v["expression"]) for v in trusted.spec["variables"] if v["name"] == "trusted")
    requests = frontend["spec"]["containers"][0]["resources"]["requests"]
    return {
        "portal-pinned-images": bad(image=f"{place}:latest"),
        "portal-trusted-images": bad(image="docker.io/library/nginx@sha256:" + "0" * 64),
        "portal-memory-limits": bad(resources={"requests": requests, "limits": {}}),
    }


def test_every_object_is_accepted(installed: Installed, table: list[str]) -> None:
    refused = [f"{what}: {answer.message}" for what, answer in installed.answers if not answer.accepted]
    assert not refused, "\n".join(refused)
    kinds = Counter(what.split()[0] for what, _ in installed.answers)
    counted = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    table.append(f"{installed.stack.name}: {sum(kinds.values())} objects accepted: {counted}")
    assert kinds["Namespace"] >= 5
    assert kinds["Deployment"] >= 2


def test_every_pod_of_a_workload_passes_pod_security_and_policies(installed: Installed) -> None:
    """Pod Security judges pods, and only warns about templates."""
    pods = installed.workloads()
    assert len(pods) >= 2
    for _, pod in pods:
        answer = dry_run(installed, pod)
        assert answer.accepted, answer.message
        if installed.denies:
            assert not answer.warnings, answer.warnings


def test_bad_pods_meet_the_rule_that_should_see_them(installed: Installed) -> None:
    for rule, pod in planted(installed).items():
        answer = dry_run(installed, pod)
        assert noticed(installed, rule, answer), f"{rule}: {answer}"


def test_a_bad_pod_template_is_refused_where_it_is_written(installed: Installed) -> None:
    body = deepcopy(installed.workload("portal-frontend").body)
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/library/nginx@sha256:" + "0" * 64
    answer = installed.api.apply(body, namespace="developer-portal", dry_run=True)
    assert noticed(installed, "portal-trusted-images", answer), answer


def test_a_privileged_pod_is_refused_by_pod_security_in_every_stack(installed: Installed) -> None:
    pod = deepcopy(dict(next(pod for each, pod in installed.workloads() if each.name == "portal-frontend")))
    pod["spec"]["containers"][0]["securityContext"]["privileged"] = True
    pod["spec"]["containers"][0]["securityContext"].pop("allowPrivilegeEscalation")
    answer = dry_run(installed, pod)
    assert answer.status == 403
    assert 'violates PodSecurity "restricted:' in answer.message


@pytest.mark.parametrize("field", ["replica", "maxReplica"])
def test_a_misspelt_field_is_refused(installed: Installed, field: str) -> None:
    body = deepcopy(installed.workload("portal-frontend").body)
    body["spec"][field] = 3
    answer = installed.api.apply(body, namespace="developer-portal", dry_run=True)
    assert answer.status == 400 or "unknown field" in answer.message or "field not declared" in answer.message, answer


def test_a_value_that_a_definitions_rules_forbid_is_refused(installed: Installed) -> None:
    cluster = next((each for each in installed.objects if each.kind == "Cluster"), None)
    assert cluster is not None
    body = deepcopy(cluster.body)
    body["spec"]["instances"] = 0
    answer = installed.api.apply(body, namespace=cluster.namespace, dry_run=True)
    assert answer.status == 422
    assert "spec.instances" in answer.message


def test_what_only_a_definitions_expression_forbids_is_refused(installed: Installed) -> None:
    """Each field is right by its schema; the two together are not."""
    database = next(each for each in installed.objects if each.kind == "Cluster")
    body = deepcopy(database.body)
    catalog = {"apiGroup": "postgresql.cnpg.io", "kind": "ImageCatalog", "name": "postgresql", "major": 18}
    body["spec"]["imageCatalogRef"] = catalog
    answer = installed.api.apply(body, namespace=database.namespace, dry_run=True)
    assert answer.status == 422
    assert "imageName and imageCatalogRef are mutually exclusive" in answer.message
    del body["spec"]["imageName"]
    assert installed.api.apply(body, namespace=database.namespace, dry_run=True).accepted


OTHER_PEOPLES = {
    *("autoscaling", "aws-observability", "cert-manager", "cnpg-system", "external-secrets", "istio-ingress"),
    *("istio-system", "load-balancing", "monitoring", "node-agents", "redis-operator", "velero"),
}
"""Namespaces whose pods may all come from charts of others, which nobody renders here: their quota is not added up."""


def most_pods(each: Placed, most: Mapping[str, int]) -> int:
    """How many pods an object has at once, in the midst of an update; `most`: replicas of what is scaled, by name.

    Of a kind that is not known here it raises, where it would make any.
    """
    if each.kind in ("Deployment", "Pooler"):
        replicas = most.get(each.name, each.spec.get("replicas", each.spec.get("instances", 1)))
        rolling = each.spec.get("strategy", each.spec.get("deploymentStrategy", {})).get("rollingUpdate", {})
        surge = rolling.get("maxSurge", "25%")
        share = str(surge).removesuffix("%")
        return int(replicas) + (int(share) if share == str(surge) else ceil(replicas * int(share) / 100))
    if each.kind == "Cluster":
        return int(each.spec["instances"])
    if each.kind == "RedisReplication":
        return int(each.spec["clusterSize"]) + int(each.spec.get("sentinel", {}).get("size", 0))
    if each.kind == "StatefulSet":
        return int(each.spec.get("replicas", 1))
    if each.kind == "Job":
        return int(each.spec.get("parallelism", 1))
    assert pod_of(each) is None, f"say here how many pods a {each.kind} has"
    return 0


def over_quota(objects: Sequence[Placed]) -> list[str]:
    """A quota is charged when pods are made for real; so by adding up what each namespace may come to ask for."""
    autoscalers = [each.spec for each in objects if each.kind == "HorizontalPodAutoscaler"]
    most = {spec["scaleTargetRef"]["name"]: spec["maxReplicas"] for spec in autoscalers}
    asked: dict[str, Counter[str]] = {}
    for each in objects:
        used = asked.setdefault(each.namespace, Counter())
        used["pods"] += most_pods(each, most)
        used["services.loadbalancers"] += each.kind == "Service" and each.spec.get("type") == "LoadBalancer"
    found = []
    for quota in (each for each in objects if each.kind == "ResourceQuota"):
        used = asked[quota.namespace]
        unknown = sorted(set(quota.spec["hard"]) - set(used))
        found += [f"{quota.namespace}: nobody adds up {name}" for name in unknown]
        found += [
            f"{quota.namespace}: {used[name]} {name}, quota {quota.spec['hard'][name]}"
            for name in sorted(set(used) & set(quota.spec["hard"]))
            if used[name] > int(quota.spec["hard"][name])
        ]
        if not used["pods"] and quota.namespace not in OTHER_PEOPLES:
            found.append(f"{quota.namespace}: no pods of ours, and nobody says whose it is")
    return found


def test_all_that_is_asked_for_fits_the_quota_of_its_namespace(installed: Installed) -> None:
    assert any(each.kind == "ResourceQuota" for each in installed.objects)
    assert over_quota(installed.objects) == []


def of(kind: str, namespace: str = "developer-portal", **spec: Any) -> Placed:
    body = {"apiVersion": "planted/v1", "kind": kind, "metadata": {"name": "one"}, "spec": spec}
    return Placed(release="planted", namespace=namespace, body=body)


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ([of("Service", type="LoadBalancer")], "1 services.loadbalancers, quota 0"),
        ([of("Deployment", replicas=8)], "10 pods, quota 9"),
        ([of("Deployment", replicas=8, strategy={"rollingUpdate": {"maxSurge": 3}})], "11 pods, quota 9"),
        (
            [of("Deployment"), of("HorizontalPodAutoscaler", scaleTargetRef={"name": "one"}, maxReplicas=8)],
            "10 pods, quota 9",
        ),
        ([of("StatefulSet", replicas=10)], "10 pods, quota 9"),
        ([of("Job", parallelism=10)], "10 pods, quota 9"),
        ([of("Cluster", instances=10)], "10 pods, quota 9"),
        ([of("Pooler", instances=8)], "10 pods, quota 9"),
        ([of("RedisReplication", clusterSize=5, sentinel={"size": 5})], "10 pods, quota 9"),
        ([of("ResourceQuota", hard={"requests.cpu": "1"})], "nobody adds up requests.cpu"),
        ([of("ResourceQuota", namespace="new", hard={"pods": "1"})], "new: no pods of ours"),
    ],
)
def test_what_exceeds_a_quota_is_told(planted: list[Placed], told: str) -> None:
    there = [of("ResourceQuota", hard={"pods": "9", "services.loadbalancers": "0"}), of("StatefulSet", replicas=0)]
    (found,) = [each for each in over_quota([*there, *planted]) if told in each]
    assert told in found

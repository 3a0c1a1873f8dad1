"""What a cluster must allow for a plan is looked at before it; what is in the way is a sentence with a way out."""

import time
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from loadtest.autoscaling.feasible import Feasibility, Survey, Unread, feasible
from loadtest.autoscaling.session import Watched
from tests.loadtest.autoscaling.fake_api import node, running, used
from tests.loadtest.autoscaling.objects import GUIDE, changed

WATCHED = Watched.model_validate(
    {
        "namespace": "developer-portal",
        "hpa": "portal-frontend",
        "steps": [
            {"replicas": 8, "rate_rps": 500, "hold_seconds": 240},
            {"replicas": 3, "rate_rps": 0, "hold_seconds": 1200},
        ],
    }
)
NO_SCALER = Unread(status=404, text="not found")
FORBIDDEN = Unread(status=403, text="GET /x: 403 forbidden")


def pod(name: str, on: str = "node-0") -> dict[str, Any]:
    """Asks for 500m and 1Gi, its sidecar for 100m and 64Mi; before them something needs 4 CPU for a moment."""
    made = running(name)
    made["spec"]["nodeName"] = on
    return made


PODS = [pod(f"portal-frontend-{index}") for index in range(3)]
WORKLOAD = {"spec": {"replicas": 3, "selector": {"matchLabels": {}}}}
FINE = Survey(
    at=time.time(),
    hpa=GUIDE,
    workload=WORKLOAD,
    pods=PODS,
    usage=[used(each["metadata"]["name"], "150m") for each in PODS],
    nodes=[node("node-0"), node("node-1")],
    pods_everywhere=PODS,
    node_scaler=NO_SCALER,
)


def found(**changes: Any) -> Feasibility:
    return feasible(replace(FINE, **changes), WATCHED)


def quota(hard: dict[str, str], taken: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pods"}, "spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": taken}}


def with_memory(amount: str) -> list[dict[str, Any]]:
    usage = deepcopy(FINE.usage)
    assert isinstance(usage, list)
    for item in usage:
        item["containers"][0]["usage"]["memory"] = amount
    return usage


def without_request() -> list[dict[str, Any]]:
    pods = deepcopy(PODS)
    del pods[1]["spec"]["containers"][0]["resources"]["requests"]["cpu"]
    return pods


def test_nothing_stands_against_a_plan_that_the_cluster_allows() -> None:
    assert found() == Feasibility(refusals=(), notes=())


# What is in the way; how it is told; the way out.
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"hpa": Unread(status=404, text=""), "workload": None}, "there is no HorizontalPodAutoscaler", "name one that is"),
    ({"hpa": changed(maxReplicas=6)}, "goes to 8 replicas, and maxReplicas of HPA portal-frontend is 6", "raise it"),
    ({"hpa": changed(minReplicas=4)}, "a step to 3 replicas, and minReplicas", "aim at that"),
    (
        {"hpa": changed(metrics=[{"type": "External", "external": {}}])},
        "only Resource and ContainerResource can be replayed",
        "run without --autoscaling",
    ),
    ({"workload": {"spec": {"replicas": 9}}}, "9 replicas run already, so the first step, to 8, would prove", "wait"),
    ({"workload": Unread(status=404, text="GET /y: 404")}, "scales what does not exist: GET /y", "scaleTargetRef"),
    ({"usage": Unread(status=503, text="GET /m: 503 unavailable")}, "cannot scale: GET /m: 503", "metrics-server"),
    ({"usage": []}, "has nothing of 3 of 3 pods (first portal-frontend-0)", "metrics-server"),
    ({"pods": [], "usage": []}, "which has no pods", "would do nothing"),
    ({"pods": without_request()}, "cannot work by cpu: pod portal-frontend-1 has no request for cpu", "request"),
    (
        {"usage": with_memory("1000Mi")},
        "idle memory is 92 % of its request and must be under 57 %",
        "raise the request",
    ),
    ({"events": FORBIDDEN}, "may not list events in namespace developer-portal (403)", "by a Role"),
    ({"usage": FORBIDDEN}, "may not list pods.metrics.k8s.io in namespace developer-portal (403)", "by a Role"),
    ({"workload": FORBIDDEN}, "may not get deployments.apps in namespace developer-portal (403)", "by a Role"),
    ({"events": Unread(status=500, text="GET /e: 500 etcd")}, "cannot read events", "GET /e: 500 etcd"),
    (
        {"quotas": [quota({"pods": "7"}, {"pods": "3"})]},
        "leaves pods for 4 more pods, and the plan needs 5",
        "raise it from 7 to 8",
    ),
    (
        {"quotas": [quota({"requests.memory": "6Gi"}, {"requests.memory": "3264Mi"})]},
        "leaves requests.memory for 2 more pods, and the plan needs 5",
        "raise it from 6Gi to 8.5Gi",
    ),
    (
        # What runs before the others counts, for as long as it does.
        {"quotas": [quota({"cpu": "20"}, {"cpu": "12"})]},
        "leaves cpu for 2 more pods, and the plan needs 5",
        "raise it from 20 to 32",
    ),
    (
        {"nodes": [node("node-0", cpu="20")]},
        "the nodes have room for 2 of the 5 pods that the plan adds, and nobody adds others",
        "add nodes, or aim lower",
    ),
]


@pytest.mark.parametrize(("changes", "said", "way_out"), REFUSED, ids=[case[1][:50] for case in REFUSED])
def test_what_is_in_the_way_is_refused_with_the_way_out(changes: dict[str, Any], said: str, way_out: str) -> None:
    (text,) = found(**changes).refusals
    assert said in text
    assert way_out in text


def test_all_that_is_in_the_way_is_said_at_once() -> None:
    refusals = found(
        hpa=changed(maxReplicas=6), events=FORBIDDEN, quotas=[quota({"pods": "4"}, {"pods": "3"})]
    ).refusals
    assert len(refusals) == 3


def test_a_cluster_that_does_not_answer_is_one_sentence() -> None:
    away = Unread(status=None, text="GET /a: connection refused")
    assert found(hpa=away, node_scaler=away).refusals == (
        "the sampler cannot read the cluster: GET /a: connection refused (kubeconfig's current context, or `context` "
        "of the autoscaler's file, must name a cluster that answers)",
    )


def test_the_resting_point_does_not_matter_to_a_plan_without_a_way_back() -> None:
    up = WATCHED.model_copy(update={"steps": (WATCHED.steps or ())[:1]})
    assert feasible(replace(FINE, usage=with_memory("1000Mi")), up).refusals == ()


@pytest.mark.parametrize(("tolerance", "refused"), [("0.1", False), ("0.3", True)])
def test_a_tolerance_of_its_own_moves_the_resting_point(tolerance: str, refused: bool) -> None:
    """From 60 % of 80 to 56: then an idle memory of 54 % is too near."""
    behavior = GUIDE["spec"]["behavior"]
    wide = behavior | {"scaleDown": behavior["scaleDown"] | {"tolerance": tolerance}}
    usage = with_memory("588Mi")
    assert bool(found(hpa=changed(behavior=wide), usage=usage).refusals) is refused


SMALL = [node("node-0", cpu="20")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nodes": SMALL, "node_scaler": {"data": {}}}, "room for 2 of the 5 pods that the plan adds: others must be"),
        ({"nodes": SMALL, "node_scaler": FORBIDDEN}, "whether others are added is not known"),
        ({"nodes": [SMALL[0] | {"spec": {"providerID": "gce://x"}}]}, "whether others are added is not known"),
        (
            {"nodes": [{**SMALL[0], "metadata": {"name": "node-0", "labels": {"karpenter.sh/nodepool": "a"}}}]},
            "others must be there in time",
        ),
        ({"nodes": FORBIDDEN}, "not known: the account may not list nodes in the whole cluster (403)"),
        ({"pods_everywhere": FORBIDDEN}, "not known: the account may not list pods in the whole cluster (403)"),
        ({"quotas": FORBIDDEN}, "not known: the account may not list resourcequotas in namespace developer-portal"),
        ({"quotas": [quota({"pods": "3"}, {"pods": "3"}, scopes=["BestEffort"])]}, "it is for some pods only"),
    ],
)
def test_what_is_not_known_or_may_come_right_is_said_and_the_run_goes_on(changes: dict[str, Any], said: str) -> None:
    result = found(**changes)
    assert result.refusals == ()
    (note,) = result.notes
    assert said in note


TAINT = {"key": "for", "value": "data", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("about", "tolerations", "room"),
    [
        ({}, [], True),
        ({"unschedulable": True}, [], False),
        ({"taints": [TAINT]}, [], False),
        ({"taints": [TAINT | {"effect": "PreferNoSchedule"}]}, [], True),
        ({"taints": [TAINT]}, [{"key": "for", "value": "data"}], True),
        ({"taints": [TAINT]}, [{"key": "for", "value": "else"}], False),
        ({"taints": [TAINT]}, [{"operator": "Exists"}], True),
        ({"taints": [TAINT]}, [{"key": "for", "operator": "Exists", "effect": "NoExecute"}], False),
    ],
)
def test_a_node_that_keeps_the_pods_out_has_no_room(
    about: dict[str, Any], tolerations: list[dict[str, str]], room: bool
) -> None:
    pods = deepcopy(PODS)
    for each in pods:
        each["spec"]["tolerations"] = tolerations
    nodes = [node("node-0", cpu="64") | {"spec": about}]
    assert (found(pods=pods, nodes=nodes).refusals == ()) is room


def test_other_pods_take_room_and_those_that_ended_do_not() -> None:
    others = [pod(f"other-{index}") for index in range(14)]
    assert "room for 1 of the 5" in found(nodes=[node("node-0", cpu="60")], pods_everywhere=others).refusals[0]
    for each in others:
        each["status"]["phase"] = "Succeeded"
    assert found(nodes=[node("node-0", cpu="60")], pods_everywhere=others).refusals == ()

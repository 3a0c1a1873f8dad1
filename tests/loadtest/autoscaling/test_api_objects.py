"""What a pod comes to for the controller. Source: Kubernetes 1.36, replica_calculator.go, resource/helpers.go."""

from typing import Any

import pytest

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.pod_size import size
from loadtest.autoscaling.replay import Observation, recommend
from loadtest.autoscaling.spec import Metric
from tests.loadtest.autoscaling.fake_api import running
from tests.loadtest.autoscaling.objects import CONTROLLER, SPEC, usage

GIB = 1024**3 * 1000


def pod(**spec: Any) -> dict[str, Any]:
    """The pod of the fake API, 500m for the app and 100m for its sidecar, with more in its spec."""
    found = running("a")
    return found | {"spec": found["spec"] | spec}


@pytest.mark.parametrize(
    ("requests", "resource", "container", "counted"),
    [
        (None, "cpu", None, 600),
        ({}, "cpu", None, 600),
        ({"cpu": "2"}, "cpu", None, 2000),
        # An HPA on one container goes by that one all the same.
        ({"cpu": "2"}, "cpu", "app", 500),
        # What is not set for the pod is reckoned as for scheduling: init containers count too.
        ({"memory": "3Gi"}, "memory", None, 3 * GIB),
        ({"memory": "3Gi"}, "cpu", None, 4000),
        ({"cpu": "2"}, "ephemeral-storage", None, None),
        # Pods as a whole have none of these.
        ({"ephemeral-storage": "1Gi"}, "cpu", None, 600),
    ],
)
def test_requests_of_the_pod_itself_stand_before_those_of_its_containers(
    requests: dict[str, str] | None, resource: str, container: str | None, counted: int | None
) -> None:
    read = api_objects.pod(pod(**({} if requests is None else {"resources": {"requests": requests}})))
    assert read.request(Metric(resource=resource, container=container, target_percent=70)) == counted


def test_a_quota_counts_the_pod_itself_too_and_what_its_sandbox_costs() -> None:
    whole = pod(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "3"}}, overhead={"cpu": "250m"})
    assert {name: size(whole)[name] for name in ("cpu", "limits.cpu")} == {"cpu": 2250, "limits.cpu": 3250}


@pytest.mark.parametrize(("status", "replicas"), [("True", 2), ("Unknown", 2), ("False", 1)])
def test_only_a_ready_condition_that_is_false_makes_a_pod_unready(status: str, replicas: int) -> None:
    item = pod(resources={"requests": {"cpu": "1", "memory": "1Gi"}})
    item["status"]["conditions"][0]["status"] = status
    read = api_objects.pod(item)
    seen = Observation(
        at=read.created_at + 120, replicas=1, pods=[read], usage={"a": usage(100, at=read.created_at + 110)}
    )
    assert (recommend(SPEC, seen, controller=CONTROLLER) or 1) == replicas
    assert read.ready is (status == "True")

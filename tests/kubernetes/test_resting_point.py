"""Every autoscaler can come back to its fewest pods once a load is gone.

From m + 1 pods it goes to m only where idle use is below target * m / (m + 1), and outside its tolerance. A heap of
Node.js that grew under load stays as big, so that it is the heap's bound which decides.
"""

import re
from typing import Any

import pytest

from loadtest.autoscaling.spec import Controller, HpaSpec
from loadtest.autoscaling.steps import resting_count
from tests.conftest import StackOf
from tests.kubernetes.rendered import Placed, placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack

BESIDE_THE_HEAP_MIB = 250
"""Code, buffers and threads of a Node.js server: an idle Backstage backend holds 260 MiB, heap included (measured)."""

IDLE_CPU_MILLI = 100
"""Health checks, scrapes, and the collector of a heap: a few percent of a core."""

PROXY_REQUESTS = {"memory": 128, "cpu": 100}
PROXY_USES = {"memory": 60, "cpu": 10}
"""Of the mesh's proxy, MiB and millicores: what its chart asks for, and what it uses after a load. An autoscaler counts
the whole pod. Source: Istio, "Performance and Scalability".
"""


def scaled(stack: SynthesizedStack) -> list[tuple[Placed, Placed]]:
    """Each autoscaler with its Deployment."""
    deployments = {each.name: each for each in placed(stack, "Deployment")}
    return [
        (each, deployments[each.spec["scaleTargetRef"]["name"]]) for each in placed(stack, "HorizontalPodAutoscaler")
    ]


def idle_percent(deployment: Placed) -> dict[str, float]:
    """What a pod uses after a load, its proxy included, in percent of what it requests."""
    (container,) = deployment.spec["template"]["spec"]["containers"]
    options = {entry["name"]: entry.get("value", "") for entry in container["env"]}["NODE_OPTIONS"]
    found = re.search(r"--max-old-space-size=(\d+)", options)
    assert found, deployment.name
    asked = container["resources"]["requests"]
    requests = {"memory": mebibytes(asked["memory"]), "cpu": millicores(asked["cpu"])}
    uses = {"memory": int(found[1]) + BESIDE_THE_HEAP_MIB, "cpu": IDLE_CPU_MILLI}
    if deployment.spec["template"]["metadata"]["labels"].get("sidecar.istio.io/inject") == "true":
        requests = {name: amount + PROXY_REQUESTS[name] for name, amount in requests.items()}
        uses = {name: amount + PROXY_USES[name] for name, amount in uses.items()}
    return {name: 100 * uses[name] / requests[name] for name in requests}


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


def millicores(quantity: str) -> float:
    return float(quantity[:-1]) if quantity.endswith("m") else 1000 * float(quantity)


def spec_of(autoscaler: Placed, **changes: Any) -> HpaSpec:
    return HpaSpec.from_api({**autoscaler.body, "spec": {**autoscaler.spec, **changes}})


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if not name.startswith(("dev", "local"))])
def test_after_a_load_the_fewest_pods_remain(stack: StackOf, name: str) -> None:
    pairs = scaled(stack(name))
    assert pairs
    for autoscaler, deployment in pairs:
        spec = spec_of(autoscaler)
        assert resting_count(spec, idle_percent(deployment), controller=Controller()) == spec.min_replicas


def test_a_heap_without_a_bound_would_keep_them_all(stack: StackOf) -> None:
    """Or the test above could not fail."""
    ((autoscaler, _),) = scaled(stack("staging-aws"))
    spec = spec_of(autoscaler)
    assert resting_count(spec, {"memory": 75, "cpu": 10}, controller=Controller()) == spec.max_replicas


def test_fewer_pods_leave_less_room(stack: StackOf) -> None:
    """Three pods come back from 60 % of the request at most, six from more: 12 of the guide's 80 % apart."""
    ((autoscaler, _),) = scaled(stack("prod-aws"))
    at_65 = {"memory": 65.0, "cpu": 10.0}
    assert resting_count(spec_of(autoscaler), at_65, controller=Controller()) == 6
    assert resting_count(spec_of(autoscaler, minReplicas=3), at_65, controller=Controller()) > 3

"""The replay decides as the real controller does, over 200 autoscalers with specs and loads of their own.

`pytest -s tests/cluster/test_replay_agreement.py` prints the table.
"""

import time
from collections import Counter

import pytest

from tests.cluster.agreement import FLAGS, Compared, World, compared, deployment, drawn, strangers
from tests.cluster.conftest import needs_programs
from tests.cluster.never_twice import never_twice
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.xdist_group("figures")]

BATCHES = 5
BATCH = 40
BATCH_SECONDS = 50.0
GOAL = 0.995
GOAL_WHERE_MOVED = 0.99
UNEXPLAINED = "UNEXPLAINED"


def observed(seed: int) -> list[Compared]:
    """One batch in a control plane of its own."""
    with ControlPlane(controller_manager=FLAGS) as cluster:
        namespace = "agreement"
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        subjects = drawn(seed, BATCH, namespace, BATCH_SECONDS)
        world = World(cluster, subjects)
        with metrics.served(cluster, world.usage) as service:
            for subject in subjects:
                cluster.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment(subject))
                for pod in strangers(subject):
                    cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
            autoscalers = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
            for subject in subjects:
                cluster.request("POST", autoscalers, subject.hpa)
            world.started = time.time()
            time.sleep(BATCH_SECONDS)
            return compared(world, list(service.asked))


def test_the_replay_decides_as_the_controller_does() -> None:
    needs_programs()
    found = [each for seed in range(BATCHES) for each in observed(seed)]
    table: Counter[tuple[str, str, str]] = Counter()
    for each in found:
        outcome = "agrees" if each.agrees else f"DIFFERS: {each.explained or UNEXPLAINED}"
        table["moved" if each.moved else "stayed", each.replayed.why, outcome] += 1
    print()
    for (what, why, outcome), count in sorted(table.items()):
        print(f"{count:6}  {what:7} {why:14} {outcome}")
    unexplained = [told(each) for each in found if not each.agrees and not each.explained]
    print(*unexplained, sep="\n")
    moved = [each for each in found if each.moved]
    subjects = {(each.subject.name, id(each.subject)) for each in found}
    print(
        f"{len(found)} syncs of {len(subjects)} autoscalers: {share(found):.2%} agree, {len(unexplained)} unexplained"
    )
    print(f"{len(moved)} of them moved: {share(moved):.2%} agree")
    never_twice(unexplained)
    assert len(subjects) == BATCHES * BATCH
    assert len(moved) > len(found) / 20, "hardly anything moved"
    assert share(found) >= GOAL
    assert share(moved) >= GOAL_WHERE_MOVED


def share(found: list[Compared]) -> float:
    return sum(each.agrees for each in found) / len(found)


def told(each: Compared) -> str:
    return (
        f"{each.subject.name} {each.at:.2f}: {each.replicas} -> {each.real}, replay {each.replayed.desired} "
        f"({each.replayed.why}, asked {each.replayed.recommended}) {UNEXPLAINED}"
    )

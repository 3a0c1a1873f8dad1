"""The replay decides as the real controller does, over 200 autoscalers with specs and loads of their own.

`pytest -s tests/cluster/test_replay_agreement.py` prints the table.
"""

import time
from collections import Counter

import pytest

from tests.cluster.agreement import FLAGS, Compared, World, compared, deployment, drawn
from tests.cluster.conftest import needs_programs
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.xdist_group("figures")]

BATCHES = 5
BATCH = 40
BATCH_SECONDS = 50.0
GOAL = 0.995


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
            autoscalers = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
            for subject in subjects:
                cluster.request("POST", autoscalers, subject.hpa)
            world.started = time.time()
            time.sleep(BATCH_SECONDS)
            return compared(world, list(service.asked))


def test_the_replay_decides_as_the_controller_does() -> None:
    needs_programs()
    found = [each for seed in range(BATCHES) for each in observed(seed)]
    table: Counter[tuple[str, str, bool]] = Counter()
    for each in found:
        table[("moved" if each.real != each.replicas else "stayed", each.replayed.why, each.agrees)] += 1
    print()
    for (moved, why, agrees), count in sorted(table.items()):
        print(f"{count:6}  {moved:7} {why:14} {'agrees' if agrees else 'DIFFERS'}")
    differing = [each for each in found if not each.agrees]
    unexplained = [each for each in differing if not each.near]
    for each in differing[:40]:
        print(
            f"{each.subject.name} {each.at:.2f}: {each.replicas} -> {each.real}, replay {each.replayed.desired} "
            f"({each.replayed.why}, asked {each.replayed.recommended}) {'a moment off' if each.near else 'UNEXPLAINED'}"
        )
    share = 1 - len(differing) / len(found)
    subjects = {(each.subject.name, id(each.subject)) for each in found}
    print(f"{len(found)} syncs of {len(subjects)} autoscalers: {share:.2%} agree, {len(unexplained)} unexplained")
    assert len(subjects) == BATCHES * BATCH
    assert sum(each.real != each.replicas for each in found) > len(found) / 20, "hardly anything moved"
    assert share >= GOAL
    assert not unexplained

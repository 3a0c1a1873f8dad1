"""Faults of autoscalers and of what they depend on, to be planted in scenes."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loadtest.autoscaling.findings import Hold
from tests.cluster.scenes import Scene, Stage

Act = Callable[[Stage, float], None]


def lower(to: int) -> Act:
    return lambda stage, _: stage.set_maximum(to)


def delete(stage: Stage, _: float) -> None:
    stage.delete_hpa()


def fight(count: int, every_seconds: int) -> Act:
    def act(stage: Stage, since: float) -> None:
        if int(since) % every_seconds == 0:
            stage.set_replicas(count)

    return act


def slow(period_seconds: int) -> Mapping[str, Any]:
    """One pod more a period."""
    policy = {"type": "Pods", "value": 1, "periodSeconds": period_seconds}
    return {"scaleUp": {"stabilizationWindowSeconds": 0, "policies": [policy]}}


def drawn(seed: int, planned: Sequence[Hold]) -> list[tuple[Scene, str]]:
    """One scene of each kind, and the class of its verdict. When it begins and how bad it is are chance's."""
    chance = random.Random(seed)
    low, high, back = (hold.start_seconds for hold in planned)
    climbing = (low + 5, high - 5)

    def scene(kind: str, begins: tuple[float, float] = climbing, **what: Any) -> Scene:
        return Scene(name=f"{kind} {seed}", begins=chance.uniform(*begins), **what)

    # Once there are as many as are asked for, others are too many or too few.
    settled, others = chance.choice([((low + 30, high - 20), (6, 8)), ((high + 30, back - 20), (3, 6))])
    fights = fight(chance.randint(*others), chance.randint(5, 12))
    wrong = "autoscaler_wrong"
    return [
        (scene("works"), "passed"),
        (scene("maximum too low", act=lower(chance.randint(4, 7))), wrong),
        (scene("metrics stop", (low + 5, back), metrics_are=chance.choice(["errors", "empty"])), wrong),
        (scene("metrics are stale", metrics_are="stale"), wrong),
        (scene("policy too slow", behavior=slow(chance.randint(9, 20))), wrong),
        (scene("never ready", ready_after=chance.choice(["30s", "60s", "never"])), wrong),
        (scene("hpa deleted", (low + 5, back + 60), act=delete), wrong),
        (scene("second writer", settled, act=fights), wrong),
        (scene("cannot rest", (high + 25, back), memory_percent=chance.uniform(63, 95)), wrong),
        (scene("traffic pinned", (low, high), pinned_to=chance.randint(1, 3)), wrong),
        (scene("too little load", load_share=chance.uniform(0.2, 0.75)), "load_did_not_warrant_scaling"),
    ]

"""A real controller that works is found to work; each planted fault is found, in its own words.

`pytest -s tests/cluster/test_autoscaling_faults.py` prints the table. Times are a fifth of the chart's.
"""

from pathlib import Path
from typing import Any

import pytest

from loadtest.autoscaling.findings import Finding
from tests.cluster.conftest import needs_programs
from tests.cluster.scenes import FLAGS, Scene, Stage, holds, play
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

OUTAGE_SECONDS = 5.0
"""Several readings of the sampler, so that it must notice."""

SLOW = {"scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 10}]}}


def fight(stage: Stage, now: float, climb: float) -> None:
    if now > climb and int(now) % 9 == 0:
        stage.set_replicas(3)


def delete(stage: Stage, now: float, climb: float) -> None:
    if now > climb:
        stage.delete_hpa()


def restless(now: float, climb: float) -> int:
    return 71 if now > climb else 30


# Scene, class of its verdict, the rule that must speak, words in what it says.
SCENES: list[tuple[Scene, str, str, str]] = [
    (Scene(name="works"), "passed", "", ""),
    (Scene(name="works again"), "passed", "", ""),
    (Scene(name="maximum too low", replicas={"min": 3, "max": 6}), "autoscaler_wrong", "maximum", "maxReplicas is 6"),
    (Scene(name="metrics stop", metrics_stop=True), "autoscaler_wrong", "metrics", "no usable metrics"),
    (Scene(name="policy too slow", behavior=SLOW), "autoscaler_wrong", "policy", "by its own scale-up rules"),
    (Scene(name="never ready", never_ready=True), "autoscaler_wrong", "ready", "never were"),
    (Scene(name="hpa deleted", act=delete), "autoscaler_wrong", "present", "was deleted"),
    (Scene(name="second writer", act=fight), "autoscaler_wrong", "moves", "something else writes them"),
    (Scene(name="cannot rest", memory_percent=restless), "autoscaler_wrong", "rest", "memory 71 %"),
    (Scene(name="traffic pinned", pinned=True), "autoscaler_wrong", "spread", "does not reach them"),
    (Scene(name="too little load", load_share=0.3), "load_did_not_warrant_scaling", "reaction", "was not asked for"),
]


def verdict(findings: tuple[Finding, ...]) -> str:
    kinds: list[Any] = ["invalid_run", "autoscaler_wrong", "load_did_not_warrant_scaling"]
    return next((kind for kind in kinds if any(finding.kind == kind for finding in findings)), "passed")


def test_each_fault_is_found_and_no_other(tmp_path: Path) -> None:
    needs_programs()
    planned = holds()
    with ControlPlane(controller_manager=FLAGS) as cluster:
        stages = [Stage(cluster, scene, planned, tmp_path) for scene, *_ in SCENES]
        by_namespace = {stage.namespace: stage for stage in stages}
        with metrics.served(cluster, lambda namespace, _, now: by_namespace[namespace].usage(now)):
            found = play(stages)
    wrong = []
    for scene, expected, rule, words in SCENES:
        findings = found[scene.name]
        said = next((finding.text for finding in findings if finding.rule == rule), "")
        right = verdict(findings) == expected and words in said
        print(f"{scene.name:16} {verdict(findings):28} {'' if right else 'NOT AS EXPECTED'} {said}")
        if not right:
            wrong.append((scene.name, findings))
    assert not wrong


def test_an_api_server_that_is_away_leaves_a_gap_and_the_verdict_as_it_is(tmp_path: Path) -> None:
    needs_programs()
    planned = holds()[:-1]
    with ControlPlane(controller_manager=FLAGS) as cluster:
        stage = Stage(cluster, Scene(name="restart"), planned, tmp_path)
        away: list[float] = []

        def restart(now: float) -> None:
            # When the step before has settled.
            if not away and now > planned[-1].start_seconds - 12:
                cluster.kill("kube-apiserver")
                away.append(now)
            elif len(away) == 1 and now > away[0] + OUTAGE_SECONDS:
                away.append(now)
                cluster.start_apiserver()

        with metrics.served(cluster, lambda namespace, _, now: stage.usage(now)):
            found = play([stage], meanwhile=restart)
        record = stage.finish()
    assert found == {"restart": ()}
    (gap,) = [gap for gap in record.gaps if gap.start <= away[0] + 1 and gap.end >= away[1]]
    assert gap.end - gap.start >= OUTAGE_SECONDS

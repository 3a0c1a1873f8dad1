"""The load test itself on a real controller: `locust --autoscaling` passes where all works and names what does not.

Real are Locust, its requests, the sampler, the portal's autoscaler and its controller; pods are simulated.
`pytest -s tests/cluster/test_autoscaling_locust.py` prints the table. Times are a fifth of the chart's.
"""

from pathlib import Path

import pytest

from loadtest.report.document import Document
from tests.cluster.conftest import needs_programs
from tests.cluster.loaded import CALIBRATION, STAND_INS, Ended, LoadedStage, gateways, run
from tests.cluster.scenes import FLAGS, NAME, Scene, chart, flags, holds
from tests.cluster.test_autoscaling_faults import SCENES
from tests.loadtest.autoscaling.objects import GUIDE
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

EXIT_CODES = {"passed": 0, "autoscaler_wrong": 4, "load_did_not_warrant_scaling": 3}
CHOSEN = (
    "works",
    "maximum too low",
    "metrics stop",
    "policy too slow",
    "never ready",
    "hpa deleted",
    "second writer",
    "cannot rest",
)


def said(report: Document, rule: str) -> str:
    return next((reason.text for reason in report.verdict.reasons if reason.rule == rule), "")


def test_locust_passes_where_all_works_and_names_each_planted_fault(tmp_path: Path) -> None:
    needs_programs()
    scenes = [each for each in SCENES if each[0].name in CHOSEN]
    assert len(scenes) == len(CHOSEN)
    planned = holds(CALIBRATION, warm_up_seconds=0)
    with ControlPlane(controller_manager=FLAGS) as cluster, gateways(len(scenes)) as gates:
        stages = [
            LoadedStage(cluster, scene, gate, tmp_path, planned)
            for (scene, *_), gate in zip(scenes, gates, strict=True)
        ]
        by_namespace = {stage.namespace: stage for stage in stages}
        with metrics.served(cluster, lambda namespace, _, now: by_namespace[namespace].usage(now)):
            found = run(stages)
    wrong: list[tuple[str, Ended]] = []
    for scene, result, rule, words in scenes:
        ended, verdict = found[scene.name], found[scene.name].report.verdict
        text = said(ended.report, rule)
        right = (ended.exit_code, verdict.result) == (EXIT_CODES[result], result) and words in text
        print(f"{scene.name:16} {verdict.result:17} {ended.exit_code} {'' if right else 'NOT AS EXPECTED '}{text}")
        if not right:
            wrong.append((scene.name, ended))
        assert ended.report.arrivals is not None
        assert ended.report.arrivals.started > 500
        assert ended.report.target.stand_ins[0] == STAND_INS
        assert "divided by 5 (hpa.timeScale)" in ended.report.target.stand_ins[1]
    assert not wrong, "\n".join(f"{name}: {ended.report.verdict}" for name, ended in wrong)


@pytest.mark.nightly
def test_the_guides_autoscaler_follows_at_its_own_pace(tmp_path: Path) -> None:
    """From 3 replicas to 20 and back, 300 s of stabilization and all: 26 minutes."""
    needs_programs()
    scene = Scene(name="guide", replicas={"min": 3, "max": 20}, time_scale=1)
    spec = chart(scene.replicas, 1).one("HorizontalPodAutoscaler", NAME)["spec"]
    assert spec == GUIDE["spec"]
    planned = holds(CALIBRATION, warm_up_seconds=0, replicas=scene.replicas, time_scale=1, counts=[20])
    with ControlPlane(controller_manager=flags(1)) as cluster, gateways(1) as (gate,):
        stage = LoadedStage(cluster, scene, gate, tmp_path, planned)
        with metrics.served(cluster, lambda namespace, _, now: stage.usage(now)):
            ended = run([stage])[scene.name]
    assert ended.exit_code == 0, ended.report.verdict
    assert ended.report.target.stand_ins == (STAND_INS,)

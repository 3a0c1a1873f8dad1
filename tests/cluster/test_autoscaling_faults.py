"""The load test on a real controller: `locust --autoscaling` passes where all works, and names what does not.

Real are Locust, its requests, the sampler, the portal's autoscaler and its controller; pods are simulated.
`pytest -s -m "not nightly" tests/cluster/test_autoscaling_faults.py` prints the table. Its times are a fifth of the
chart's.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from loadtest.report.document import Document
from tests.browser import INK, WIDTHS, report_page
from tests.cluster.conftest import needs_programs
from tests.cluster.loaded import CALIBRATION, STAND_INS, Ended, LoadedStage, gateways, run
from tests.cluster.scenes import FLAGS, NAME, Scene, Stage, chart, flags, holds, play
from tests.loadtest.autoscaling.objects import GUIDE
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

OUTAGE_SECONDS = 5.0
"""Several readings of the sampler, so that it must notice."""

READY_WITHIN_SECONDS = 20.0
"""An API server that starts."""

SLOW = {"scaleUp": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 10}]}}


def fight(stage: Stage, now: float, climb: float) -> None:
    if now > climb and int(now) % 9 == 0:
        stage.set_replicas(3)


def delete(stage: Stage, now: float, climb: float) -> None:
    if now > climb:
        stage.delete_hpa()


def lower(stage: Stage, now: float, climb: float) -> None:
    """After the preflight, which would have refused the plan."""
    if now < climb:
        path = f"/apis/autoscaling/v2/namespaces/{stage.namespace}/horizontalpodautoscalers/{NAME}"
        stage.cluster.request("PATCH", path, {"spec": {"maxReplicas": 6}}, "application/merge-patch+json")


def restless(now: float, climb: float) -> int:
    return 71 if now > climb else 30


# Scene, class of its verdict, the rule that must speak, words in what it says.
SCENES: list[tuple[Scene, str, str, str]] = [
    (Scene(name="works"), "passed", "", ""),
    (Scene(name="works again"), "passed", "", ""),
    (Scene(name="maximum too low", act=lower), "autoscaler_wrong", "maximum", "maxReplicas is 6"),
    (Scene(name="metrics stop", metrics_stop=True), "autoscaler_wrong", "metrics", "no usable metrics"),
    (Scene(name="policy too slow", behavior=SLOW), "autoscaler_wrong", "policy", "by its own scale-up rules"),
    (Scene(name="never ready", never_ready=True), "autoscaler_wrong", "ready", "never were"),
    (Scene(name="hpa deleted", act=delete), "autoscaler_wrong", "present", "was deleted"),
    (Scene(name="second writer", act=fight), "autoscaler_wrong", "moves", "something else writes them"),
    (Scene(name="cannot rest", memory_percent=restless), "autoscaler_wrong", "rest", "memory 71 %"),
    (Scene(name="traffic pinned", pinned=True), "autoscaler_wrong", "spread", "does not reach them"),
    (Scene(name="too little load", load_share=0.3), "load_did_not_warrant_scaling", "reaction", "was not asked for"),
]


DRAWN = """() => {
  const [[{ series, data }]] = charts.filter(([, place]) => place.id === "replicas");
  return Object.fromEntries(series.map(({ label }, i) => [label, data[i]]).slice(1));
}"""
"""The lines of the replicas' plot, by name."""

EXIT_CODES = {"passed": 0, "autoscaler_wrong": 4, "load_did_not_warrant_scaling": 3}


def said(report: Document, rule: str) -> str:
    return next((reason.text for reason in report.verdict.reasons if reason.rule == rule), "")


def test_locust_passes_where_all_works_and_names_each_planted_fault(tmp_path: Path) -> None:
    needs_programs()
    planned = holds(CALIBRATION, warm_up_seconds=0)
    with ControlPlane(controller_manager=FLAGS) as cluster, gateways(len(SCENES)) as gates:
        stages = [
            LoadedStage(cluster, scene, gate, tmp_path, planned)
            for (scene, *_), gate in zip(SCENES, gates, strict=True)
        ]
        by_namespace = {stage.namespace: stage for stage in stages}
        with metrics.served(cluster, lambda namespace, _, now: by_namespace[namespace].usage(now)):
            found = run(stages)
    wrong: list[tuple[str, Ended]] = []
    for scene, result, rule, words in SCENES:
        ended, verdict = found[scene.name], found[scene.name].report.verdict
        text = said(ended.report, rule)
        right = (ended.exit_code, verdict.result.value) == (EXIT_CODES[result], result) and words in text
        print(
            f"{scene.name:16} {verdict.result.value:17} {ended.exit_code} {'' if right else 'NOT AS EXPECTED '}{text}"
        )
        if not right:
            wrong.append((scene.name, ended))
        assert ended.report.arrivals is not None
        assert ended.report.arrivals.started > 500
        assert ended.report.target.stand_ins[0] == STAND_INS
        assert "divided by 5 (hpa.timeScale)" in ended.report.target.stand_ins[1]
    assert not wrong, "\n".join(f"{name}: {ended.report.verdict}" for name, ended in wrong)
    for width in WIDTHS.values():
        with report_page(stages[0].folder / "report/report.html", width=width) as shown:
            drawn = shown.evaluate(DRAWN)
            assert {name: max(values) for name, values in drawn.items()} == {"ready": 8, "current": 8, "desired": 8}
            assert {name: values[-1] for name, values in drawn.items()} == {"ready": 3, "current": 3, "desired": 3}
            assert shown.locator("#replicas canvas").evaluate(INK)
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


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


CLOCK_IS_SET = """
import runpy
import sys
import threading
import time
from pathlib import Path

real, out = time.time, Path(sys.argv[-1])


def set_clock(seconds):
    time.time = lambda: real() + seconds
    with out.with_suffix(".set").open("a") as told:
        print(time.time() - real(), file=told)


for after, seconds in ((8, 3600), (20, -3600)):
    threading.Timer(after, set_clock, [seconds]).start()
runpy.run_module("loadtest.autoscaling", run_name="__main__")
"""


class ClockIsSet(Stage):
    """Its sampler's clock goes an hour forward, and then two back."""

    sampler = ("-c", CLOCK_IS_SET)


def test_an_api_server_that_is_away_leaves_a_gap_and_the_verdict_as_it_is_also_where_the_clock_is_set(
    tmp_path: Path,
) -> None:
    """One sampler keeps its clock, so that it is seen which of the two was wrong."""
    needs_programs()
    planned = holds()[:-1]
    with ControlPlane(controller_manager=FLAGS) as cluster:
        stages = (
            Stage(cluster, Scene(name="restart"), planned, tmp_path),
            ClockIsSet(cluster, Scene(name="clock is set"), planned, tmp_path),
        )
        by_namespace = {stage.namespace: stage for stage in stages}
        away: list[float] = []

        def restart(now: float) -> None:
            # When the step before has settled.
            if not away and now > planned[-1].start_seconds - 12:
                cluster.kill("kube-apiserver")
                away.append(now)
            elif len(away) == 1 and now > away[0] + OUTAGE_SECONDS:
                away.append(now)
                cluster.start_apiserver()

        with metrics.served(cluster, lambda namespace, _, now: by_namespace[namespace].usage(now)):
            found = play(stages, meanwhile=restart)
        kept, set_twice = (stage.finish() for stage in stages)
    assert found == {"restart": (), "clock is set": ()}
    for record in (kept, set_twice):
        (gap,) = [gap for gap in record.gaps if gap.start <= away[0] + 1 and gap.end >= away[1]]
        assert OUTAGE_SECONDS <= gap.end - gap.start < away[1] - away[0] + READY_WITHIN_SECONDS
    told = [float(line) for line in stages[1].out.with_suffix(".set").read_text().splitlines()]
    assert told == pytest.approx([3600, -3600], abs=1)
    moments = [sample.at for sample in set_twice.samples]
    assert all(0 < after - before < OUTAGE_SECONDS + READY_WITHIN_SECONDS for before, after in pairwise(moments))
    assert moments[-1] == pytest.approx(kept.samples[-1].at, abs=3)

"""The load test on a real controller: `locust --autoscaling` passes where all works, and names what does not.

Real are Locust, its requests, the sampler, the portal's autoscaler and its controller; pods are simulated.
`pytest -s -m "not nightly" tests/cluster/test_autoscaling_faults.py` prints the table. Its times are a fifth of the
chart's.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from loadtest.report.document import Document, Judgement
from tests.browser import INK, WIDTHS, report_page
from tests.cluster.conftest import needs_programs
from tests.cluster.faults import delete, drawn, fight, lower, slow
from tests.cluster.loaded import CALIBRATION, STAND_INS, Ended, LoadedStage, gateways
from tests.cluster.never_twice import never_twice
from tests.cluster.scenes import FLAGS, NAME, Scene, Stage, chart, flags, holds, measured, play
from tests.loadtest.autoscaling.objects import GUIDE
from tests.loadtest.report.test_page_in_a_browser import WITHOUT
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

CHAOS_TIME_SCALE = 3
"""What an API server takes to start is no small part of what a reaction may take."""

AWAY_AT_SECONDS = 4.0
OUTAGE_SECONDS = 5.0
"""Several readings of the sampler, so that it must notice."""

READY_WITHIN_SECONDS = 20.0
"""An API server that starts."""

# Scene, class of its verdict, the rule that must speak, words in what it says.
SCENES: list[tuple[Scene, str, str, str]] = [
    (Scene(name="works"), "passed", "", ""),
    (Scene(name="works again"), "passed", "", ""),
    # After the preflight, which would have refused the plan.
    (Scene(name="maximum too low", begins=0, act=lower(6)), "autoscaler_wrong", "maximum", "maxReplicas is 6"),
    (Scene(name="metrics stop", metrics_are="errors"), "autoscaler_wrong", "metrics", "no usable metrics"),
    (Scene(name="policy too slow", behavior=slow(10)), "autoscaler_wrong", "policy", "by its own scale-up rules"),
    (Scene(name="never ready", ready_after="never"), "autoscaler_wrong", "ready", "never were"),
    (Scene(name="hpa deleted", act=delete), "autoscaler_wrong", "present", "was deleted"),
    (Scene(name="second writer", act=fight(3, 9)), "autoscaler_wrong", "moves", "something else writes them"),
    (Scene(name="cannot rest", memory_percent=71), "autoscaler_wrong", "rest", "memory 71 %"),
    (Scene(name="traffic pinned", pinned_to=3), "autoscaler_wrong", "spread", "does not reach them"),
    (Scene(name="too little load", load_share=0.3), "load_did_not_warrant_scaling", "reaction", "was not asked for"),
]


DRAWN = """() => {
  const [[{ series, data }]] = charts.filter(([, place]) => place.id === "replicas");
  return Object.fromEntries(series.map(({ label }, i) => [label, data[i]]).slice(1));
}"""
"""The lines of the replicas' plot, by name."""

SEEDS = 8
PASSED = "passed with a fault planted"

EXIT_CODES = {"passed": 0, "autoscaler_wrong": 4, "load_did_not_warrant_scaling": 3}


def said(report: Document, rule: str) -> str:
    return next((reason.text for reason in report.verdict.reasons if reason.rule == rule), "")


def loaded(scenes: Sequence[Scene], folder: Path) -> list[LoadedStage]:
    """Played side by side in a control plane of their own."""
    planned = holds(CALIBRATION, warm_up_seconds=0)
    with ControlPlane(controller_manager=FLAGS) as cluster, gateways(len(scenes)) as gates:
        stages = [LoadedStage(cluster, scene, gate, folder, planned) for scene, gate in zip(scenes, gates, strict=True)]
        with metrics.served(cluster, measured(stages)):
            play(stages)
    return stages


def test_locust_passes_where_all_works_and_names_each_planted_fault(tmp_path: Path) -> None:
    needs_programs()
    stages = loaded([scene for scene, *_ in SCENES], tmp_path)
    wrong: list[tuple[str, Ended]] = []
    for stage, (scene, result, rule, words) in zip(stages, SCENES, strict=True):
        ended = stage.ended()
        verdict, text = ended.report.verdict, said(ended.report, rule)
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
    never_twice([f"{name}: {PASSED}" for name, ended in wrong if ended.report.verdict.result.value == "passed"])
    assert not wrong, "\n".join(f"{name}: {ended.report.verdict}" for name, ended in wrong)
    for width in WIDTHS.values():
        with report_page(stages[0].folder / "report/report.html", width=width) as shown:
            drawn = shown.evaluate(DRAWN)
            assert {name: max(values) for name, values in drawn.items()} == {"ready": 8, "current": 8, "desired": 8}
            assert {name: values[-1] for name, values in drawn.items()} == {"ready": 3, "current": 3, "desired": 3}
            assert shown.locator("#replicas canvas").evaluate(INK)
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.nightly
def test_whenever_a_fault_begins_and_however_bad_it_is_the_verdict_is_of_its_class(tmp_path: Path) -> None:
    """88 scenes, 11 side by side: 50 minutes."""
    needs_programs()
    judged, wrong = 0, list[tuple[Scene, Judgement]]()
    for seed in range(SEEDS):
        scenes = drawn(seed, holds(CALIBRATION, warm_up_seconds=0))
        (folder := tmp_path / str(seed)).mkdir()
        for stage, (scene, result) in zip(loaded([scene for scene, _ in scenes], folder), scenes, strict=True):
            verdict = stage.ended().report.verdict
            judged += 1
            if verdict.result.value != result:
                wrong.append((scene, verdict))
                print(f"NOT AS EXPECTED {scene}: {verdict}")
        print(f"{judged} scenes: {1 - len(wrong) / judged:.1%} of the right class", flush=True)
    never_twice([f"{scene}: {PASSED}" for scene, verdict in wrong if verdict.result.value == "passed"])
    assert len(wrong) / judged <= 0.01


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
        with metrics.served(cluster, measured([stage])):
            play([stage])
    ended = stage.ended()
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
    """Away when the load has come and its replicas have not. One sampler keeps its clock, so that it is seen which of
    the two was wrong."""
    needs_programs()
    scale = CHAOS_TIME_SCALE
    (climb,), (its_climb,) = (
        holds(calibration, warm_up_seconds=0, time_scale=scale, counts=[8])[:-1]
        for calibration in (CALIBRATION, ClockIsSet.calibration)
    )
    away: list[float] = []

    def restart(now: float) -> None:
        if not away and now > AWAY_AT_SECONDS:
            cluster.kill("kube-apiserver")
            away.append(now)
        elif len(away) == 1 and now > away[0] + OUTAGE_SECONDS:
            away.append(now)
            cluster.start_apiserver()

    with ControlPlane(controller_manager=flags(scale)) as cluster, gateways(1) as (gate,):
        kept = LoadedStage(cluster, Scene(name="restart", time_scale=scale, begins=0), gate, tmp_path, [climb])
        scene = Scene(name="clock is set", time_scale=scale, begins=0)
        set_twice = ClockIsSet(cluster, scene, [its_climb], tmp_path)
        with metrics.served(cluster, measured([kept, set_twice])):
            play([kept, set_twice], meanwhile=restart)
    ended = kept.ended()
    assert ended.exit_code == 0, ended.report.verdict
    assert ended.report.autoscaling is not None
    assert set_twice.findings() == ()
    for gaps in (ended.report.autoscaling.gaps, set_twice.record.gaps):
        (gap,) = [gap for gap in gaps if gap.start <= away[0] + 1 and gap.end >= away[1]]
        assert OUTAGE_SECONDS <= gap.end - gap.start < away[1] - away[0] + READY_WITHIN_SECONDS
    replicas = ended.report.autoscaling.replicas
    assert [each.current for each in replicas if each.at_seconds < away[0]][-1] < 8
    assert replicas[-1].current == 8
    with report_page(kept.folder / "report/report.html", width=WIDTHS["desk"]) as shown:
        assert shown.evaluate(WITHOUT, ["replicas", "gaps"])
    told = [float(line) for line in set_twice.out.with_suffix(".set").read_text().splitlines()]
    assert told == pytest.approx([3600, -3600], abs=1)
    moments = [sample.at for sample in set_twice.record.samples]
    assert all(0 < after - before < OUTAGE_SECONDS + READY_WITHIN_SECONDS for before, after in pairwise(moments))
    assert moments[-1] == pytest.approx(its_climb.end_seconds, abs=3)

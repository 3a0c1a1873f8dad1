"""Steps that are worked out from a calibration, on a real controller: each asks for half a replica less than its count,
and the autoscaler goes there and back.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.rendering import Rendered, changed, example, render
from tests.cluster.conftest import needs_programs
from tests.cluster.loaded import CALIBRATION, LoadedStage, gateways
from tests.cluster.scenes import CPU_MILLI, FLAGS, IDLE_PERCENT, NAME, Scene, holds, measured, play
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.xdist_group("figures")]

MEASURED_AT_RPS = 5
TARGET_PERCENT = 70


class Calibrating(LoadedStage):
    """As chart loadtest asks for it, at the pace of tests. Its plan says for how long to play, and no more."""

    def arguments(self) -> list[str]:
        job = self._chart.all("Job")[0]["spec"]["template"]["spec"]
        told = {entry["name"]: entry.get("value", "") for entry in job["containers"][0]["env"]}
        return ["--calibration", told["LOADTEST_CALIBRATION"], "--rate", told["LOADTEST_RATE"]]

    def watched(self) -> dict[str, Any]:
        asked = yaml.safe_load(self._chart.one("ConfigMap")["data"]["autoscaling.yaml"])
        paced = {key: value for key, value in super().watched().items() if key != "steps"}
        return {**paced, **asked}

    @cached_property
    def _chart(self) -> Rendered:
        calibration = {"rate_rps": MEASURED_AT_RPS, "climb": [8]}
        autoscaler = {"namespace": self.namespace, "hpa": NAME, "calibration": calibration}
        return render("loadtest", changed(example("loadtest", "prod"), "autoscaler", autoscaler))


def test_what_is_measured_takes_the_autoscaler_where_each_step_aims(tmp_path: Path) -> None:
    needs_programs()
    planned = holds(CALIBRATION, warm_up_seconds=80, counts=[8])
    with ControlPlane(controller_manager=FLAGS) as cluster, gateways(1) as (gate,):
        stage = Calibrating(cluster, Scene(name="calibrated"), gate, tmp_path, planned)
        with metrics.served(cluster, measured([stage])):
            play([stage])
    ended = stage.ended()
    report = ended.report
    print(yaml.safe_dump([phase.label for phase in report.phases]), report.calibration, report.verdict.sentence)
    assert ended.exit_code == 0, ended.output
    assert report.calibration is not None
    assert report.calibration.milli_per_rps == pytest.approx(CALIBRATION.milli_per_rps, rel=0.05)
    # On a busy machine some 10m more were seen. Steps are made of what an arrival costs, which was right all the same.
    assert report.calibration.idle_milli == pytest.approx(CALIBRATION.idle_milli, rel=0.3)
    assert report.calibration.offered_rps == pytest.approx(MEASURED_AT_RPS, rel=0.05)
    idle, loaded, up, back = report.phases
    assert (idle.replicas, loaded.replicas, up.replicas, back.replicas) == (None, None, 8, 3)
    assert up.offered_rps is not None
    usage = 8 * CPU_MILLI * IDLE_PERCENT["cpu"] / 100 + up.offered_rps * CALIBRATION.milli_per_rps
    asked = usage / (CPU_MILLI * TARGET_PERCENT / 100)
    assert asked > 7.1
    assert report.autoscaling is not None
    seen = [each.current for each in report.autoscaling.replicas]
    assert max(seen) == 8
    assert seen[-1] == 3

"""What a file of an autoscaler asks for."""

from pathlib import Path

import pytest

from loadtest.autoscaling.elasticity import Gates
from loadtest.autoscaling.findings import Budgets
from loadtest.autoscaling.session import load
from loadtest.autoscaling.spec import Controller
from loadtest.data_file import BrokenFile

FILE = "{namespace: a, hpa: b, steps: [{replicas: 3, rate_rps: 5, hold_seconds: 60}]%s}"


def written(folder: Path, more: str = "") -> Path:
    file = folder / "autoscaling.yaml"
    file.write_text(FILE % more)
    return file


def test_times_are_kubernetes_own_unless_the_chart_divides_them(tmp_path: Path) -> None:
    plain = load(written(tmp_path))
    assert (plain.expectations(()).budgets, plain.expectations(()).controller) == (Budgets(), Controller())
    assert plain.stand_ins() == ()


def test_a_chart_that_divides_times_is_held_to_shorter_ones_and_the_report_says_so(tmp_path: Path) -> None:
    watched = load(written(tmp_path, ", time_scale: 5"))
    expected = watched.expectations(())
    assert (expected.controller.sync_seconds, expected.budgets.policy) == (3, 12)
    # A share, not a time.
    assert expected.controller.tolerance == Controller().tolerance
    assert "divided by 5 (hpa.timeScale)" in watched.stand_ins()[0]


def test_a_scale_that_would_lengthen_times_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match=r"time_scale = 0.5   must be greater than or equal to 1"):
        load(written(tmp_path, ", time_scale: 0.5"))


def test_gates_of_elasticity_come_from_the_file(tmp_path: Path) -> None:
    watched = load(written(tmp_path, ", rps_per_replica: 80, elasticity: {under_provisioned_time_percent: 20}"))
    assert watched.expectations(()).gates == Gates(under_provisioned_time_percent=20)


def test_gates_that_could_never_fail_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match="elasticity needs rps_per_replica"):
        load(written(tmp_path, ", elasticity: {instability_percent: 20}"))

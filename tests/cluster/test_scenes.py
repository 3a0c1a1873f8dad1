"""What the scenes' metrics server says, and when: as late as a real one."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from tests.cluster.scenes import CALIBRATION, NAME, Scene, Stage, holds, play
from tools.cluster.controlplane import ControlPlane

SELECTOR = f"app={NAME}"
ROUND_SECONDS = 3.0


class OnePod:
    """A cluster in which a pod runs from now on."""

    kubeconfig = Path("none")

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        if path.endswith("/pods"):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            labels = {"app": NAME, "app.kubernetes.io/name": NAME}
            conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": stamp}]
            status = {"phase": "Running", "startTime": stamp, "conditions": conditions}
            metadata = {"name": "first", "labels": labels, "creationTimestamp": stamp}
            yield {"type": "ADDED", "object": {"metadata": metadata, "spec": {"containers": []}, "status": status}}


def staged(folder: Path, metrics_are: Literal["there", "empty", "stale"] = "there") -> Stage:
    """Under the load of its first hold from now on."""
    scene = Scene(name="metrics", begins=9, metrics_are=metrics_are)
    stage = Stage(cast(ControlPlane, OnePod()), scene, holds(CALIBRATION, warm_up_seconds=0), folder)
    while not stage.pods(NAME, time.time()):
        time.sleep(0.01)
    return stage


def stamps(stage: Stage, *seconds: float) -> list[str | None]:
    """Of the pod's metrics, so many seconds after the first round that meets it."""
    first = time.time() // ROUND_SECONDS * ROUND_SECONDS + ROUND_SECONDS
    asked = [stage.usage(SELECTOR, first + each) for each in seconds]
    return [items[0]["timestamp"] if items else None for items in asked]


def test_a_pod_has_metrics_from_its_second_round_on_and_new_ones_with_each_round(tmp_path: Path) -> None:
    early, late, same, still, new = stamps(staged(tmp_path), 0, 2.9, 3, 5.9, 6)
    assert (early, late) == (None, None)
    assert same is not None
    assert same == still != new


def test_metrics_that_are_stale_stay_as_they_were_and_others_are_gone(tmp_path: Path) -> None:
    one, other = stamps(staged(tmp_path, "stale"), 20, 60)
    assert one is not None
    assert one == other
    assert stamps(staged(tmp_path, "empty"), 3, 20)[1] is None


@pytest.mark.parametrize(("selector", "pods"), [(SELECTOR, 1), (f"{SELECTOR},tier=web", 0), ("app=other", 0)])
def test_it_tells_of_the_pods_that_are_asked_for_alone(selector: str, pods: int, tmp_path: Path) -> None:
    assert len(staged(tmp_path).usage(selector, time.time() + 2 * ROUND_SECONDS) or ()) == pods


class Bare(Stage):
    """Nothing of it but a sampler, which tells who it is."""

    sampler = ("-c", "import os, sys, time; open(sys.argv[-1], 'w').write(str(os.getpid())); time.sleep(60)")

    def set_up(self) -> None: ...

    def settle(self) -> None: ...


def test_a_scene_that_goes_wrong_leaves_no_sampler_behind(tmp_path: Path) -> None:
    stage = Bare(cast(ControlPlane, OnePod()), Scene(name="wrong"), holds(CALIBRATION), tmp_path)

    def goes_wrong(_: float) -> None:
        if stage.out.exists() and stage.out.read_text():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        play([stage], meanwhile=goes_wrong)
    assert not Path("/proc", stage.out.read_text()).exists()

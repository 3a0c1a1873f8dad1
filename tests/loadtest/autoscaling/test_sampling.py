"""When the sampler reads, and what it does with its clock, with a source on paper."""

import io
import time
from itertools import pairwise

import pytest

from loadtest.autoscaling.record import LINE, Gap, Line, Sample
from loadtest.autoscaling.sampler import Sampler
from loadtest.autoscaling.source import Reading, Unreadable
from tests.loadtest.autoscaling.objects import GUIDE


class Paper:
    """Answers after `seconds`, except at the readings in `failing`."""

    name = "paper"

    def __init__(self, *, seconds: float = 0.0, failing: range = range(0)) -> None:
        self.seconds, self.failing, self.count = seconds, failing, -1

    def read(self, at: float) -> Reading:
        self.count += 1
        time.sleep(self.seconds)
        if self.count in self.failing:
            raise Unreadable(f"reading {self.count}")
        return Reading(hpa=GUIDE, events=(), sample=Sample(at=at, replicas=3, ready=3, pods=(), usage={}, desired=3))


def sampled(source: Paper, readings: int, *, interval_seconds: float = 0.02) -> list[Line]:
    out = io.StringIO()
    out.fileno = lambda: 2  # type: ignore[method-assign]
    left = iter(range(readings - 1))

    def stop(wait: float) -> bool:
        time.sleep(max(wait, 0))
        return next(left, None) is None

    Sampler(source, out, namespace="n", name="h", interval_seconds=interval_seconds).run(stop)
    return [LINE.validate_json(line) for line in out.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def test_a_clock_that_is_set_in_the_run_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, jumps = time.time, iter([0.0, 0.0, 3600.0, -3600.0] * 10)
    monkeypatch.setattr("time.time", lambda: real() + next(jumps))
    moments = [line.at for line in sampled(Paper(), 8) if isinstance(line, Sample)]
    assert len(moments) == 8
    assert all(0 < later - earlier < 1 for earlier, later in pairwise(moments))


def test_readings_that_take_time_do_not_add_up() -> None:
    moments = [line.at for line in sampled(Paper(seconds=0.01), 10, interval_seconds=0.03) if isinstance(line, Sample)]
    assert moments[-1] - moments[0] == pytest.approx(9 * 0.03, abs=0.05)


def test_readings_that_were_missed_are_not_made_up_for() -> None:
    source = Paper(seconds=0.05)
    assert len([line for line in sampled(source, 4, interval_seconds=0.02) if isinstance(line, Sample)]) == 4
    assert source.count == 3


def test_a_gap_reaches_from_the_last_good_reading_to_the_next_and_names_its_first_reason() -> None:
    lines = sampled(Paper(failing=range(3, 6)), 8)
    (gap,) = [line for line in lines if isinstance(line, Gap)]
    moments = [line.at for line in lines if isinstance(line, Sample)]
    assert (gap.start, gap.end, gap.reason) == (moments[2], moments[3], "reading 3")


def test_a_gap_at_the_end_is_closed_by_it() -> None:
    lines = sampled(Paper(failing=range(3, 99)), 6)
    (gap,) = [line for line in lines if isinstance(line, Gap)]
    assert lines.index(gap) == len(lines) - 2
    assert gap.reason == "reading 3"

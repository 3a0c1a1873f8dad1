"""Lines become a record on the run's clock; what is missing stays missing."""

import pytest

from loadtest.autoscaling.record import LINE, Begin, End, Event, Gap, Line, Sample, Spec
from loadtest.autoscaling.timeline import BrokenRecord, read
from tests.loadtest.autoscaling.objects import GUIDE, pod, usage

START = 1_700_000_000.0


def sample(at: float, *, ahead: float | None = None, **fields: object) -> Sample:
    facts: dict[str, object] = {
        "at": START + at,
        "replicas": 3,
        "ready": 3,
        "pods": (pod("a", created_at=START + at - 20, started_at=START + at - 19, ready_changed_at=START + at - 10),),
        "usage": {"a": usage(50, at=START + at - 5)},
        "cluster_clock_ahead_seconds": ahead,
    }
    return Sample(**(facts | fields))  # type: ignore[arg-type]


def begin(at: float = -1) -> Begin:
    return Begin(at=START + at, namespace="n", name="h", source="kubernetes", interval_seconds=2)


def written(*lines: Line) -> list[str]:
    return [LINE.dump_json(line).decode() + "\n" for line in lines]


def test_all_times_become_seconds_since_the_start() -> None:
    lines = written(
        begin(),
        Spec(at=START, hpa=GUIDE),
        sample(0),
        Event(at=START + 1, reason="SuccessfulRescale", message="New size: 7", type="Normal"),
        sample(2),
        End(at=START + 3),
    )
    record = read(lines, run_started_at=START)
    assert [s.at for s in record.samples] == [0, 2]
    assert (record.specs[0].at, record.events[0].at) == (0, 1)
    (seen,) = record.samples[0].pods
    assert (seen.created_at, seen.started_at, seen.ready_changed_at) == (-20, -19, -10)
    assert record.samples[0].usage is not None
    assert record.samples[0].usage["a"].at == -5
    assert record.gaps == ()


def test_stamps_of_a_cluster_whose_clock_is_wrong_are_put_right() -> None:
    stamped = sample(
        0,
        ahead=30,
        pods=(pod("a", created_at=START + 25, started_at=None, ready_changed_at=START + 28),),
        usage={"a": usage(50, at=START + 29)},
    )
    record = read(written(begin(), stamped, sample(2, ahead=31), sample(4, ahead=30)), run_started_at=START)
    (seen,) = record.samples[0].pods
    assert (seen.created_at, seen.started_at, seen.ready_changed_at) == (-5, None, -2)
    assert record.samples[0].at == 0


def test_recorded_gaps_are_kept_with_their_reason() -> None:
    gap = Gap(start=START + 2, end=START + 30, reason="401")
    record = read(written(begin(), sample(0), sample(2), gap, sample(30)), run_started_at=START)
    assert record.gaps == (Gap(start=2, end=30, reason="401"),)


def test_silence_without_a_reason_is_a_gap_too() -> None:
    record = read(written(begin(), sample(0), sample(2), sample(20), End(at=START + 40)), run_started_at=START)
    assert [(gap.start, gap.end) for gap in record.gaps] == [(2, 20), (20, 40)]
    assert record.gaps[0].reason == "the sampler stood still"


def test_a_last_line_that_was_cut_off_is_what_a_kill_leaves() -> None:
    lines = written(begin(), sample(0), sample(2))
    lines[-1] = lines[-1][:50]
    assert len(read(lines, run_started_at=START).samples) == 1


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "wrote nothing"),
        (["{}\n", *written(sample(0))], "line 1 is not a line"),
        (written(sample(0)), "wrote nothing"),
    ],
)
def test_what_no_sampler_wrote_is_refused(lines: list[str], why: str) -> None:
    with pytest.raises(BrokenRecord, match=why):
        read(lines, run_started_at=START)

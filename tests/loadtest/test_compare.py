"""The comparison: it sees what is there, does not see what is not, and refuses what it cannot know."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from loadtest import compare
from loadtest.compare import NotComparable
from loadtest.recording.histogram import Histogram
from loadtest.report.document import DOCUMENT, ArrivalCounts, Document
from loadtest.run import Journeys
from loadtest.verdict import Result
from tests.loadtest.report.test_forms import TIMES, document, endpoint


def run(*, seed: int, slower: float = 1.0, failed: int = 0, requests: int = 3000, url: str = "http://h:1") -> Document:
    chance = random.Random(seed)
    times = Histogram.recorded(int(slower * chance.lognormvariate(10, 0.5)) for _ in range(requests))
    measured: dict[str, Any] = {
        **endpoint("GET /a", "steady"),
        "latency": times,
        "requests": requests,
        "failed": failed,
    }
    empty = document()
    validated = DOCUMENT.validate_python({**DOCUMENT.dump_python(empty), "endpoints": [measured]})
    return replace(validated, target=replace(empty.target, url=url))


def with_arrivals(told: Document, kind: Literal["constant", "poisson"]) -> Document:
    counts = ArrivalCounts(kind=kind, planned=1, started=1, dropped=0, start_delay_ms=TIMES)
    return replace(told, arrivals=counts)


def regressions(baseline: Document, other: Document) -> set[str]:
    return {each.metric for each in compare.compare(baseline, other) if each.regression}


def test_two_runs_of_the_same_speed_never_differ() -> None:
    for seed in range(20):
        assert regressions(run(seed=seed), run(seed=100 + seed)) == set()


def test_a_run_that_is_half_as_fast_is_a_regression_in_every_percentile() -> None:
    assert regressions(run(seed=1), run(seed=2, slower=2)) == {"p50", "p95", "p99"}


def test_a_faster_run_is_none() -> None:
    assert regressions(run(seed=1, slower=1.33), run(seed=2)) == set()


def test_failures_count_too() -> None:
    assert regressions(run(seed=1), run(seed=2, failed=60)) == {"error ratio"}


def test_the_resampled_percentile_spreads_like_one_of_samples_drawn_anew() -> None:
    chance = random.Random(3)
    samples = [chance.randrange(1, 1000) for _ in range(400)]
    quick = sorted(compare.resampled(Histogram.recorded(samples), 95, chance))
    drawn = sorted(sorted(chance.choices(samples, k=400))[379] / 1000 for _ in range(4000))
    for share in (0.05, 0.5, 0.95):
        assert quick[int(4000 * share)] == pytest.approx(drawn[int(4000 * share)], rel=0.01)


def test_percentiles_of_a_handful_of_requests_are_not_judged() -> None:
    metrics = {each.metric for each in compare.compare(run(seed=1, requests=100), run(seed=2, requests=100))}
    assert metrics == {"p50", "p95", "error ratio"}


def test_the_same_reports_give_the_same_answer() -> None:
    assert compare.compare(run(seed=1), run(seed=2)) == compare.compare(run(seed=1), run(seed=2))


def test_runs_of_another_shape_or_target_are_refused() -> None:
    one = run(seed=1)
    invalid = replace(one, verdict=replace(one.verdict, result=Result.invalid_run))
    for other, why in (
        (replace(one, profile="steady"), "profile smoke and steady"),
        (replace(one, model="closed"), "model"),
        (run(seed=2, url="http://other:1"), "target"),
        (invalid, "the run is invalid"),
        (replace(one, endpoints=()), "no endpoint"),
        (replace(one, ended="aborted", duration_seconds=7), "the run did not run to its end: aborted after 7 s"),
        (with_arrivals(one, "poisson"), "arrivals None and poisson"),
        (replace(one, journeys=Journeys(shares={"Search": 0.25, "Probe": 0.75})), "none and Probe 75.0%, Search 25.0%"),
    ):
        with pytest.raises(NotComparable, match=why):
            compare.compare(one, other)


def test_a_baseline_that_proves_nothing_is_refused_before_anything_is_sent() -> None:
    one = run(seed=1)
    invalid = replace(one, verdict=replace(one.verdict, result=Result.invalid_run))
    for baseline, why in (
        (invalid, "the baseline is invalid"),
        (replace(one, ended="aborted"), "baseline did not run"),
    ):
        (reason,) = compare.planned_otherwise(baseline, one, one.target)
        assert why in reason


def test_a_run_that_leaves_out_what_the_baseline_asked_is_refused() -> None:
    one = run(seed=1)
    (only,) = one.endpoints
    also = replace(
        one, endpoints=(only, replace(only, endpoint="GET /b"), replace(only, endpoint="GET /rare", requests=9))
    )
    with pytest.raises(NotComparable, match=r"the run never asked GET /b in its steady phase$"):
        compare.compare(also, one)
    assert compare.compare(one, also)


def test_the_free_port_of_an_embedded_target_makes_no_other_target() -> None:
    first, second = (run(seed=n, url=f"http://127.0.0.1:{4000 + n}") for n in range(2))
    assert compare.compare(first, second)


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: tmp_path / name for name in ("before", "same", "slower")}
    for name, told in (("before", run(seed=1)), ("same", run(seed=2)), ("slower", run(seed=3, slower=2))):
        files[name].write_text(json.dumps(DOCUMENT.dump_python(told, mode="json")))
    assert compare.main([str(files["before"]), str(files["same"])]) == 0
    assert compare.main([str(files["before"]), str(files["slower"])]) == 1
    assert "REGRESSION  p95" in capsys.readouterr().out
    assert compare.main([str(files["before"]), str(tmp_path / "none")]) == 2
    assert "is not a report of a run" in capsys.readouterr().err


def test_a_regression_is_a_reason_and_an_invalid_run_is_not_compared() -> None:
    comparison, worse = compare.against(run(seed=1), run(seed=2, slower=2))
    assert comparison is not None
    assert {reason.result.exit_code for reason in worse} == {1}
    assert "surely worse by" in worse[0].text
    invalid = run(seed=2)
    invalid = replace(invalid, verdict=replace(invalid.verdict, result=Result.invalid_run))
    assert compare.against(run(seed=1), invalid) == (None, ())


def test_a_run_that_cannot_be_compared_after_all_proves_nothing() -> None:
    nothing, (reason,) = compare.against(run(seed=1), replace(run(seed=2), endpoints=()))
    assert nothing is None
    assert reason.result.value == "invalid_run"

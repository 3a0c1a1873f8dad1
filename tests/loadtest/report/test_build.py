"""What a report makes of the cells of a run."""

from dataclasses import replace

from loadtest.recording.histogram import Histogram
from loadtest.report.build import endpoints, timeline
from loadtest.run import Cell
from tests.loadtest.test_verdict import RUN

DUE = Cell(endpoint="GET /a", phase="warm-up", second=1, latency=Histogram.recorded([2_500_000] * 10))
ANSWERED = Cell(endpoint="GET /a", phase="steady", second=3, latency=Histogram.recorded([]), answered=10)


def test_the_timeline_has_answers_where_they_came_and_latency_where_it_was_due() -> None:
    points = timeline(replace(RUN, cells=(DUE, ANSWERED)))
    assert [point.at_seconds for point in points if point.achieved_rps] == [3]
    assert [point.at_seconds for point in points if point.p50_ms] == [1]
    assert [point.p50_ms for point in points][3] is None


def test_an_endpoint_that_was_only_answered_in_a_phase_was_not_asked_in_it() -> None:
    (found,) = endpoints((DUE, ANSWERED))
    assert (found.phase, found.requests) == ("warm-up", 10)

"""Running totals: few words for reasons, buckets that lose nothing, and no more names than a metric may have."""

import pytest

from loadtest.live.totals import ENDPOINTS_AT_MOST, REST, Totals, class_of
from loadtest.recording.collector import Key, Part
from loadtest.recording.histogram import Histogram


def part(endpoint: str, milliseconds: list[float], *, second: int = 1, **failures: int) -> Part:
    histogram = Histogram.recorded(int(each * 1000) for each in milliseconds)
    return Part(Key(endpoint, "steady", second), histogram, histogram, failures)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("CatchResponseError: HTTP 503 instead of 200", "http_5xx"),
        ("HTTP 404", "http_4xx"),
        ("CatchResponseError: content: AssertionError: another entity", "content"),
        ("Unfinished: no answer before the run ended", "unfinished"),
        ("timeout: timed out", "timeout"),
        ("ConnectionRefusedError: Connection refused", "connection"),
        ("gaierror: Name or service not known", "connection"),
        ("KeyError: 'x'", "other"),
    ],
)
def test_each_reason_has_one_of_a_few_classes(reason: str, word: str) -> None:
    assert class_of(reason) == word


def test_every_request_is_in_a_bucket_and_the_longest_ones_too() -> None:
    totals = Totals()
    totals.add([part("GET /a", [1, 4.9, 60, 90_000]), part("GET /a", [3], second=2)])
    counts = totals.latency["GET /a"].counts
    assert (counts[0], counts[4], counts[-1], sum(counts)) == (3, 1, 1, 5)
    assert totals.latency["GET /a"].sum_seconds == pytest.approx(90.07, rel=0.01)


def test_the_seconds_of_a_phase_become_one_cell_without_loss() -> None:
    totals = Totals()
    totals.add([part("GET /a", [1], x=1), part("GET /a", [2, 3], second=2, x=2), part("GET /b", [4])])
    first, second = totals.cells()
    assert (first.endpoint, len(first.latency), first.failed) == ("GET /a", 3, 3)
    assert first.latency == Histogram.recorded([1000, 2000, 3000])
    assert (second.endpoint, len(second.latency)) == ("GET /b", 1)


def test_names_with_ids_in_them_cannot_flood_prometheus() -> None:
    totals = Totals()
    totals.add(part(f"GET /{number}", [1], x=1) for number in range(ENDPOINTS_AT_MOST + 50))
    assert len(totals.requests) == ENDPOINTS_AT_MOST + 1
    assert totals.requests[REST] == 50
    assert totals.failures[REST].total() == 50

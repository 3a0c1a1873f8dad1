"""The sparse histogram counts as the HDR histogram of the library does."""

import random
from itertools import chain

from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.recording.histogram import DENSE_FROM, Histogram, bucket, highest

DURATIONS = st.lists(st.integers(min_value=0, max_value=3_600_000_000), min_size=1, max_size=60)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(DURATIONS)
def test_the_buckets_are_those_of_the_library(durations: list[int]) -> None:
    library = HdrHistogram(1, 3_600_000_000, 3)
    for value in durations:
        assert library.record_value(value)
        assert library.get_counts_array_index(value) == bucket(value)
        assert library.get_highest_equivalent_value(value) == highest(bucket(value))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(DURATIONS, st.sampled_from([50, 90, 95, 99, 99.9, 100]))
def test_a_percentile_is_the_true_one_or_less_than_a_thousandth_above(durations: list[int], percent: float) -> None:
    true = sorted(durations)[max(-(-len(durations) * int(percent * 10) // 1000), 1) - 1]
    assert true <= Histogram.recorded(durations).percentile(percent) <= true * 1.001


@settings(max_examples=40, deadline=None, derandomize=True)
@given(DURATIONS, DURATIONS)
def test_merging_loses_nothing(one: list[int], other: list[int]) -> None:
    merged = Histogram.merged([Histogram.recorded(one), Histogram.recorded(other)])
    assert merged == Histogram.recorded(one + other)
    assert Histogram.unpacked(merged.packed()) == merged


def test_merging_many_loses_nothing_either() -> None:
    chance = random.Random(1)
    seconds = [[int(chance.lognormvariate(10, 1)) for _ in range(200)] for _ in range(200)]
    parts = [Histogram.recorded(second) for second in seconds]
    assert sum(len(part.buckets) for part in parts) > DENSE_FROM
    assert Histogram.merged(parts) == Histogram.recorded(chain.from_iterable(seconds))


def test_a_breach_is_not_rounded_away() -> None:
    """1,049 ms is 1,000 ms in Locust's own percentiles, which keep two digits."""
    assert Histogram.recorded([1_049_000] * 100).percentile(95) > 1_048_999


def test_nothing_recorded_is_not_zero_requests_of_zero_length() -> None:
    nothing = Histogram.recorded([])
    assert (len(nothing), nothing.percentile(99), nothing.maximum(), nothing.mean()) == (0, 0, 0, 0)


def test_within_counts_what_took_no_longer() -> None:
    assert Histogram.recorded([100, 200, 300]).within(200) == 2

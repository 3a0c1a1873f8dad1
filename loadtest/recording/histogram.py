"""Durations in the buckets of an HDR histogram of three significant digits, kept sparse.

The `hdrhistogram` package allots every bucket in advance, 190 kB a histogram; an hour of ten endpoints has 72,000 of
them, of which each fills a hundred buckets. The buckets are the same, and a test holds them against that package.
"""

import base64
import math
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import PlainSerializer, PlainValidator

HALF_BITS = 10
HALF = 1 << HALF_BITS
DENSE_FROM = 20_000
"""Buckets to merge from which on a list of all there are, some 20,000, costs less than a dictionary of those in use."""


def bucket(microseconds: int) -> int:
    """Where a duration is counted. Everything in a bucket differs by less than 0.1 %."""
    shift = max(microseconds.bit_length() - HALF_BITS - 1, 0)
    return (shift << HALF_BITS) + (microseconds >> shift)


def highest(index: int) -> int:
    """The longest duration of a bucket: what a percentile reports, so that rounding never hides a breach."""
    if index < 2 * HALF:
        return index
    shift = (index >> HALF_BITS) - 1
    return (((index & (HALF - 1)) + HALF + 1) << shift) - 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations in microseconds; `buckets` ascend, `counts` stand beside them. Both are arrays of four-byte numbers."""

    buckets: Sequence[int]
    counts: Sequence[int]

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> Self:
        """From how many there are in each bucket."""
        found = sorted(counts)
        return cls(array("I", found), array("I", map(counts.__getitem__, found)))

    @classmethod
    def recorded(cls, microseconds: Iterable[int]) -> Self:
        counts: dict[int, int] = {}
        for value in microseconds:
            index = bucket(value)
            counts[index] = counts.get(index, 0) + 1
        return cls.of(counts)

    @classmethod
    def merged(cls, histograms: Iterable["Histogram"]) -> Self:
        parts = [histogram for histogram in histograms if histogram.buckets]
        if not parts:
            return cls.of({})
        if sum(len(part.buckets) for part in parts) > DENSE_FROM:
            every = [0] * (max(part.buckets[-1] for part in parts) + 1)
            for part in parts:
                for index, count in zip(part.buckets, part.counts, strict=True):
                    every[index] += count
            return cls.of({index: count for index, count in enumerate(every) if count})
        total = dict(zip(parts[0].buckets, parts[0].counts, strict=True))
        for part in parts[1:]:
            for index, count in zip(part.buckets, part.counts, strict=True):
                total[index] = total.get(index, 0) + count
        return cls.of(total)

    def __len__(self) -> int:
        return sum(self.counts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Microseconds and how many, ascending."""
        return zip(map(highest, self.buckets), self.counts, strict=True)

    def percentile(self, percent: float) -> int:
        """The least duration that `percent` of all do not exceed, in microseconds; 0 of none."""
        due = max(math.ceil(len(self) * percent / 100 - 1e-9), 1)
        for value, count in self:
            due -= count
            if due <= 0:
                return value
        return 0

    def maximum(self) -> int:
        return highest(self.buckets[-1]) if self.buckets else 0

    def mean(self) -> float:
        return sum(value * count for value, count in self) / len(self) if self.buckets else 0.0

    def within(self, microseconds: int) -> int:
        """How many took no longer."""
        return sum(count for value, count in self if value <= microseconds)

    def packed(self) -> bytes:
        """Four bytes a number, little-endian, compressed."""
        numbers = array("I", [*self.buckets, *self.counts])
        if sys.byteorder == "big":
            numbers.byteswap()
        return zlib.compress(numbers.tobytes(), 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        numbers = array("I")
        numbers.frombytes(zlib.decompress(packed))
        if sys.byteorder == "big":
            numbers.byteswap()
        half = len(numbers) // 2
        return cls(numbers[:half], numbers[half:])


NONE: Final = Histogram.of({})


def _from_json(value: object) -> Histogram:
    if isinstance(value, Histogram):
        return value
    if not isinstance(value, str):
        raise ValueError("a histogram is a string of base64")
    return Histogram.unpacked(base64.b64decode(value, validate=True))


JsonHistogram = Annotated[
    Histogram,
    PlainValidator(_from_json, json_schema_input_type=str),
    PlainSerializer(lambda histogram: base64.b64encode(histogram.packed()).decode(), return_type=str),
]
"""A histogram that pydantic reads and writes as base64."""

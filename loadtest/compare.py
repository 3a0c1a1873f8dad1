"""Is this run slower than that one, or only different? Two reports, endpoint by endpoint, with the noise of both.

Usage: python -m loadtest.compare BASELINE/report.json RUN/report.json
Exit codes: 0 no regression; 1 a regression; 2 a file that is no report, or runs that cannot be compared.
"""

import argparse
import math
import random
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from loadtest.recording.histogram import Histogram
from loadtest.report.document import DOCUMENT, VERSION, Comparison, Difference, Document, EndpointPhase
from loadtest.run import Plan, Target
from loadtest.verdict import Reason, Result

PERCENTS: Final = (50.0, 95.0, 99.0)
DRAWS: Final = 4000
DOUBT: Final = 0.001
"""Of each side. Small, because some sixty differences are looked at in one comparison."""
BEYOND_AT_LEAST: Final = 5
"""Requests slower than a percentile; with fewer it is the luck of the slowest few, and is not judged."""
MISSED_AT_LEAST: Final = 10
"""Requests to an endpoint in the baseline; with fewer it is by chance that another run has none."""
MATTERS_SHARE, MATTERS_MS = 0.05, 1.0
"""A difference that is surely there may still not matter: it has to be above both."""
MATTERS_ERROR_RATIO: Final = 0.001
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class NotComparable(ValueError):
    """The runs differ in more than their speed, or one proves nothing; the message says in what."""


def compare(baseline: Document, run: Document, *, seed: int = 1) -> tuple[Difference, ...]:
    """Of the steady phase, for every endpoint of both runs."""
    if reasons := list(unlike(baseline, run)):
        raise NotComparable("the runs cannot be compared: " + "; ".join(reasons))
    chance = random.Random(seed)
    before, after = steady(baseline), steady(run)
    found: list[Difference] = []
    for endpoint in sorted(before.keys() & after.keys()):
        for percent in PERCENTS:
            histograms = before[endpoint].latency, after[endpoint].latency
            if min(map(len, histograms)) * (1 - percent / 100) >= BEYOND_AT_LEAST:
                found.append(of_percentile(endpoint, percent, *histograms, chance))
        found.append(of_errors(before[endpoint], after[endpoint], chance))
    return tuple(found)


def unlike(baseline: Document, run: Document) -> Iterator[str]:
    yield from planned_otherwise(baseline, run, run.target)
    yield from proves_nothing("run", run)
    if shares(baseline) != shares(run):
        yield f"the visitors took other journeys: {shares(baseline)} and {shares(run)}"
    before, after = steady(baseline), steady(run)
    if not before.keys() & after.keys():
        yield "no endpoint was asked in the steady phase of both"
    elif gone := sorted(name for name in before.keys() - after.keys() if before[name].requests >= MISSED_AT_LEAST):
        yield f"the run never asked {', '.join(gone)} in its steady phase"


def proves_nothing(name: str, document: Document) -> Iterator[str]:
    if document.verdict.result is Result.invalid_run:
        yield f"the {name} is invalid: {document.verdict.sentence}"
    elif document.ended != "completed":
        yield f"the {name} did not run to its end: {document.ended} after {document.duration_seconds:.0f} s"


def planned_otherwise(baseline: Document, plan: Plan | Document, asked: Target) -> Iterator[str]:
    """Why a run cannot be compared with that baseline, as far as is known before it begins."""
    yield from proves_nothing("baseline", baseline)
    if baseline.breakpoint is not None:
        yield "the baseline searched its breakpoint, so no two of its runs have the same shape"
    for what, one, other in (
        ("profile", baseline.profile, plan.profile),
        ("model", baseline.model, plan.model),
        ("arrivals", arrivals(baseline), arrivals(plan)),
        ("phases", shape(baseline), shape(plan)),
        ("target", target(baseline.target), target(asked)),
    ):
        if one != other:
            yield f"{what} {one} and {other}"


def shape(plan: Plan | Document) -> list[tuple[object, ...]]:
    return [
        (each.name, each.label, each.start_seconds, each.end_seconds, each.offered_rps, each.users)
        for each in plan.phases
    ]


def arrivals(plan: Plan | Document) -> str | None:
    """How they come: those at random wait for one another even where the target is fast enough for their rate."""
    if isinstance(plan, Plan):
        return plan.arrivals
    return plan.arrivals.kind if plan.arrivals else None


def shares(document: Document) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in sorted(document.journeys.shares.items())) or "none"


def target(asked: Target) -> tuple[str, ...]:
    """What was asked. On loopback the port is a free one, another in each run."""
    url = urlsplit(asked.url)
    place = "loopback" if url.hostname in LOOPBACK else url.netloc
    return (place, asked.service or "", *asked.stand_ins)


def against(baseline: Document, run: Document) -> tuple[Comparison | None, tuple[Reason, ...]]:
    """What a run with a baseline comes to: the comparison, and its regressions as reasons.

    A run that proves nothing by itself is not compared; one that should have been and cannot be proves nothing.
    """
    if run.verdict.result is Result.invalid_run:
        return None, ()
    try:
        found = compare(baseline, run)
    except NotComparable as reason:
        return None, (Reason(result=Result.invalid_run, rule="baseline", text=str(reason)),)
    worse = (
        Reason(result=Result.slo_missed, rule="regression", text=f"slower than the baseline: {each.sentence()}")
        if each.metric != "error ratio"
        else Reason(result=Result.slo_missed, rule="regression", text=f"fails more often: {each.sentence()}")
        for each in found
        if each.regression
    )
    return Comparison(began=baseline.started_at, differences=found), tuple(worse)


def steady(document: Document) -> dict[str, EndpointPhase]:
    return {each.endpoint: each for each in document.endpoints if each.phase == "steady"}


def of_percentile(
    endpoint: str, percent: float, before: Histogram, after: Histogram, chance: random.Random
) -> Difference:
    old, new = before.percentile(percent) / 1000, after.percentile(percent) / 1000
    draws = zip(resampled(before, percent, chance), resampled(after, percent, chance), strict=True)
    low, high = middle([b - a for a, b in draws])
    matters = max(MATTERS_SHARE * old, MATTERS_MS)
    return Difference(
        endpoint=endpoint, metric=f"p{percent:g}", baseline=old, run=new, low=low, high=high, regression=low > matters
    )


def resampled(histogram: Histogram, percent: float, chance: random.Random) -> list[float]:
    """The percentile, in milliseconds, of samples drawn anew with replacement (a bootstrap).

    Without drawing them: the k-th smallest of n draws is the value whose rank is n times the k-th smallest of n uniform
    numbers, and that one follows a beta distribution. Requests count as independent; those of one hiccup are not.
    """
    values, counts = zip(*histogram, strict=True)
    ranks = list(accumulate(counts))
    count = ranks[-1]
    k = max(math.ceil(count * percent / 100), 1)
    drawn = (math.ceil(chance.betavariate(k, count - k + 1) * count) for _ in range(DRAWS))
    return [values[bisect_left(ranks, max(rank, 1))] / 1000 for rank in drawn]


def of_errors(before: EndpointPhase, after: EndpointPhase, chance: random.Random) -> Difference:
    def ratios(each: EndpointPhase) -> list[float]:
        return [chance.betavariate(each.failed + 0.5, each.requests - each.failed + 0.5) for _ in range(DRAWS)]

    low, high = middle([b - a for a, b in zip(ratios(before), ratios(after), strict=True)])
    return Difference(
        endpoint=before.endpoint,
        metric="error ratio",
        baseline=before.failed / before.requests,
        run=after.failed / after.requests,
        low=low,
        high=high,
        regression=low > MATTERS_ERROR_RATIO,
    )


def middle(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[int(len(ordered) * DOUBT)], ordered[-1 - int(len(ordered) * DOUBT)]


def read(file: Path) -> Document:
    try:
        document = DOCUMENT.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise NotComparable(f"{file} is not a report of a run: {str(error).splitlines()[0]}") from error
    if document.version != VERSION:
        raise NotComparable(f"{file} is of version {document.version}; this is version {VERSION}")
    return document


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.compare",
        description="Two runs of the same shape.",
        epilog="Example: python -m loadtest.compare before/report.json after/report.json",
    )
    parser.add_argument("baseline", type=Path, help="report.json of the run to compare with")
    parser.add_argument("run", type=Path, help="report.json of the run in question")
    options = parser.parse_args(words)
    try:
        differences = compare(read(options.baseline), read(options.run))
    except NotComparable as reason:
        print(reason, file=sys.stderr)
        return 2
    for each in differences:
        word = "REGRESSION" if each.regression else "ok"
        print(f"{word:<10}  {each.metric:<11}  {each.baseline:9.4g} -> {each.run:9.4g}  {each.endpoint}")
    return int(any(each.regression for each in differences))


if __name__ == "__main__":
    sys.exit(main())

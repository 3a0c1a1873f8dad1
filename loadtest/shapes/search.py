"""The search for the highest rate that meets the objectives: which rate to try next, and what is known by now.

A probe near the limit comes out now one way, now the other, so no single one decides. Every limit that is possible has
a probability, which each probe sharpens; the next probe is where most is learned, in the middle. Pure: no clock.

Source: Watson and Pelli, "QUEST: a Bayesian adaptive psychometric method", 1983.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

GROWTH: Final = 2.0
"""From one probe to the next until one misses: then the limit is between two that lie this far apart."""
DOWN_TO: Final = 16.0
"""Where even the first rate misses, it is divided down to this share of it."""
CONFIDENCE: Final = 0.95
PRECISION: Final = 0.1
"""How wide the interval may be in the end, as a share of the rate."""
SPREAD: Final = 0.025
"""Share of a rate by which a probe may be off it and still come out wrong once in four: noise of a short window."""
LAPSE: Final = 0.03
"""Of the probes, so many come out wrong whatever the rate: a pause of the target, a neighbour on its machine."""
GRAIN: Final = 0.01
"""Rates are told apart to this share."""
PROBES_AT_MOST: Final = 60
USERS_SECONDS: Final = 10
"""So many seconds' worth of arrivals can be under way at once before arrivals have to wait for a user."""
USERS_AT_MOST: Final = 5000


def pool(rate_rps: float) -> int:
    """How many users serve arrivals of that rate."""
    return min(max(math.ceil(rate_rps * USERS_SECONDS), 20), USERS_AT_MOST)


@dataclass(frozen=True, kw_only=True)
class Search:
    """Bounds, arrivals a second. `required_rps` is what must be found for the run to pass, if anything."""

    first_rps: float
    most_rps: float
    required_rps: float | None = None
    seconds: float = 1800.0
    """For so long at most it goes on."""
    users_at_most: int | None = None

    @property
    def least_rps(self) -> float:
        return self.first_rps / DOWN_TO

    def users(self, rate_rps: float) -> int:
        return self.users_at_most or pool(rate_rps)


@dataclass(frozen=True, kw_only=True)
class Probe:
    rate_rps: float
    met: bool


@dataclass(frozen=True, kw_only=True)
class Breakpoint:
    """The highest rate that meets the objectives lies between `low_rps` and `high_rps` with `confidence`."""

    rate_rps: float
    """The likeliest: half of the probability is on each side."""
    low_rps: float
    high_rps: float | None
    """None where nothing up to the highest rate of the search missed."""
    confidence: float
    settled: bool
    """Whether the interval came to be as narrow as it was to be."""

    def sentence(self) -> str:
        if self.high_rps is None:
            return f"every rate up to {self.rate_rps:.4g}/s meets the objectives; where they break was not reached"
        between = f"{self.low_rps:.4g} and {self.high_rps:.4g}/s with {self.confidence:.0%} confidence"
        return f"the objectives are met up to {self.rate_rps:.4g}/s (between {between})"


def next_rate(probes: Sequence[Probe], search: Search) -> float | None:
    """The rate of the next probe; None once enough is known, or nothing more can be."""
    if not probes:
        return search.first_rps
    rates, met = [probe.rate_rps for probe in probes], [probe.rate_rps for probe in probes if probe.met]
    if len(probes) >= PROBES_AT_MOST:
        return None
    if len(met) == len(probes):
        highest = max(rates)
        return min(highest * GROWTH, search.most_rps) if highest < search.most_rps else None
    if not met:
        lowest = min(rates)
        if lowest > search.least_rps:
            return max(lowest / GROWTH, search.least_rps)
        # Once more: nothing may hang on one probe.
        return search.least_rps if rates.count(lowest) == 1 else None
    known = found(probes, search)
    return None if known is None or known.settled else known.rate_rps


def found(probes: Sequence[Probe], search: Search) -> Breakpoint | None:
    """What the probes tell; None where no rate met the objectives."""
    met = [probe.rate_rps for probe in probes if probe.met]
    if not met:
        return None
    if len(met) == len(probes):
        highest = max(met)
        return Breakpoint(
            rate_rps=highest,
            low_rps=highest,
            high_rps=None,
            confidence=CONFIDENCE,
            settled=highest >= search.most_rps,
        )
    tried = [probe.rate_rps for probe in probes]
    first = math.log(max(min(tried) / GROWTH, search.least_rps))
    last = math.log(min(max(tried) * GROWTH, search.most_rps))
    limits = [first + GRAIN * step for step in range(int((last - first) / GRAIN) + 2)]
    likely = [sum(_log_likelihood(probe, limit) for probe in probes) for limit in limits]
    # Only ratios matter: without the greatest, all would be too small for a float.
    greatest = max(likely)
    cumulated = list(accumulate(math.exp(each - greatest) for each in likely))

    def quantile(share: float) -> float:
        return math.exp(limits[bisect_left(cumulated, share * cumulated[-1])])

    low, rate, high = (quantile(share) for share in ((1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2))
    return Breakpoint(
        rate_rps=rate, low_rps=low, high_rps=high, confidence=CONFIDENCE, settled=high - low <= PRECISION * rate
    )


def _log_likelihood(probe: Probe, limit: float) -> float:
    """Of how the probe came out, if the limit (its logarithm) were this one."""
    beyond = max(min((math.log(probe.rate_rps) - limit) / SPREAD, 500.0), -500.0)
    meets = LAPSE + (1 - 2 * LAPSE) / (1 + math.exp(beyond))
    return math.log(meets if probe.met else 1 - meets)

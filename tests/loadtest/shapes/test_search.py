"""The search for a breakpoint, against targets whose limit is known and whose probes are noisy."""

import math
import random
from collections.abc import Callable

import pytest

from loadtest.shapes.search import PRECISION, PROBES_AT_MOST, Breakpoint, Probe, Search, found, next_rate

SEARCH = Search(first_rps=10, most_rps=3000)


def searched(meets: Callable[[float], bool], search: Search = SEARCH) -> tuple[Breakpoint | None, list[Probe]]:
    probes: list[Probe] = []
    while (rate := next_rate(probes, search)) is not None:
        assert search.least_rps <= rate <= search.most_rps * 1.01
        probes.append(Probe(rate_rps=rate, met=meets(rate)))
    return found(probes, search), probes


def noisy(limit: float, chance: random.Random, *, spread: float, lapse: float) -> Callable[[float], bool]:
    def meets(rate: float) -> bool:
        met = chance.random() < 1 / (1 + math.exp(min(math.log(rate / limit) / spread, 500)))
        return met != (chance.random() < lapse)

    return meets


@pytest.mark.parametrize("seed", range(40))
def test_a_target_without_noise_is_found_within_the_precision(seed: int) -> None:
    limit = 10 ** random.Random(seed).uniform(0.5, 3.2)
    known, probes = searched(lambda rate: rate <= limit)
    assert known is not None
    assert known.settled
    assert known.rate_rps == pytest.approx(limit, rel=PRECISION)
    assert len(probes) <= 25


def test_with_noise_the_interval_holds_the_limit_about_as_often_as_it_says() -> None:
    holds, lengths = 0, []
    for seed in range(100):
        chance = random.Random(seed)
        limit = 10 ** chance.uniform(1, 3)
        known, probes = searched(noisy(limit, chance, spread=0.02, lapse=0.02))
        assert known is not None
        assert known.high_rps is not None
        lengths.append(len(probes))
        holds += known.low_rps <= limit <= known.high_rps
    assert holds >= 92
    assert max(lengths) <= PROBES_AT_MOST
    assert sum(lengths) / len(lengths) < 25


@pytest.mark.parametrize("wrong", range(4))
def test_one_probe_that_came_out_wrong_does_not_decide(wrong: int) -> None:
    asked: list[float] = []

    def meets(rate: float) -> bool:
        asked.append(rate)
        return (rate <= 100) != (len(asked) == wrong + 1)

    known, _ = searched(meets)
    assert known is not None
    assert known.rate_rps == pytest.approx(100, rel=PRECISION)


def test_a_target_that_meets_nothing_has_no_breakpoint_and_the_search_ends() -> None:
    known, probes = searched(lambda rate: False)
    assert known is None
    assert [probe.rate_rps for probe in probes][-2:] == [SEARCH.least_rps] * 2


def test_a_target_that_meets_all_is_known_up_to_the_bound_only() -> None:
    known, probes = searched(lambda rate: True)
    assert known is not None
    assert (known.rate_rps, known.high_rps) == (3000, None)
    assert "not reached" in known.sentence()
    assert len(probes) == 10


def test_rates_grow_until_one_misses_and_never_past_it_by_more_than_that() -> None:
    _, probes = searched(lambda rate: rate <= 100)
    assert [probe.rate_rps for probe in probes[:5]] == [10, 20, 40, 80, 160]
    assert max(probe.rate_rps for probe in probes) == 160


def test_a_search_that_was_cut_short_says_so_with_a_wide_interval() -> None:
    known = found([Probe(rate_rps=40, met=True), Probe(rate_rps=80, met=False)], SEARCH)
    assert known is not None
    assert not known.settled
    assert known.high_rps is not None
    assert known.low_rps < 45
    assert known.high_rps > 75

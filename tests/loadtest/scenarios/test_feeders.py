"""Feeders: every item as often as every other, over all workers."""

from collections import Counter

import pytest

from loadtest.scenarios.feeders import Feeder


@pytest.mark.parametrize(("items", "workers"), [(100, 1), (100, 4), (30, 3)])
def test_over_all_workers_every_item_is_drawn_equally_often(items: int, workers: int) -> None:
    drawn: Counter[int] = Counter()
    for position in range(workers):
        drawn.update(Feeder(range(items), position=position, workers=workers).several(3 * items // workers))
    assert drawn == Counter(dict.fromkeys(range(items), 3))


def test_two_workers_never_share_an_item_while_there_are_enough() -> None:
    one, other = (set(Feeder(range(50), position=n, workers=2).several(200)) for n in range(2))
    assert not one & other


def test_more_workers_than_items_still_all_draw() -> None:
    assert {Feeder("ab", position=n, workers=5).draw() for n in range(5)} == {"a", "b"}


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        Feeder([], position=0, workers=1)

"""Data that visitors draw from: every item as often as every other, over all workers together."""

import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Feeder(Generic[Item]):
    """Worker `position` of `workers` gets every n-th item of one shuffled order, round and round.

    Random draws would leave some items out and ask for others twice, and workers with the same seed would all ask for
    the same; here two workers only share an item where there are fewer items than workers.
    """

    def __init__(self, items: Sequence[Item], *, position: int, workers: int, seed: int = 1) -> None:
        if not items:
            raise ValueError("there is nothing to draw from")
        shuffled = random.Random(seed).sample(list(items), len(items))
        own = list(islice(shuffled, position % workers, None, workers)) or [shuffled[position % len(shuffled)]]
        self._items: Iterator[Item] = cycle(own)

    def draw(self) -> Item:
        return next(self._items)

    def several(self, count: int) -> list[Item]:
        return [self.draw() for _ in range(count)]

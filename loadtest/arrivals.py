"""Open arrivals: when the next request is due is decided by a schedule, never by how fast the target answers.

A closed loop of users sends less the slower the target is, and so never sees the wait of those whom it did not send
(coordinated omission). Here each arrival has its due moment, known in advance and the same for any number of workers;
who comes late is late from that moment on, and who cannot be started within reason is counted as dropped.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Final, Literal

from gevent import Greenlet, sleep, spawn
from gevent.event import AsyncResult

from loadtest.run import Phase, Plan

PATIENCE_SECONDS: Final = 30.0
"""For so long an arrival waits for a free user; then it is dropped, as a visitor would leave."""


def due_times(
    phases: Sequence[Phase],
    *,
    share: float,
    kind: Literal["constant", "poisson"],
    seed: str,
    more: Callable[[], bool] = lambda: False,
) -> Iterator[float]:
    """Seconds from the run's start at which one kind of user arrives, at `share` of each phase's rate.

    `phases` may grow while it is read: at their end `more` may wait, and says whether to look again.
    One process of unit rate is stretched by the plan's rate, so that a change of
    rate neither loses nor bunches arrivals.
    """
    chance = random.Random(seed)
    at, index = 0.0, 0
    while True:
        # Of a constant rate the first is due after half an interval, so that the kinds of users do not march in step.
        work = chance.expovariate(1.0) if kind == "poisson" else (1.0 if at else chance.random())
        while True:
            if index == len(phases):
                if more():
                    continue
                return
            phase = phases[index]
            rate, end = (phase.offered_rps or 0.0) * share, phase.end_seconds
            at = max(at, phase.start_seconds)
            if end is None or work < rate * (end - at):
                break
            work -= rate * (end - at)
            at, index = end, index + 1
        if not rate:
            return
        at += work / rate
        yield at


def of_worker(due: Iterator[float], *, position: int, workers: int) -> Iterator[float]:
    """Each worker takes every n-th, so that all together make the one schedule."""
    return islice(due, position, None, workers)


class Planned:
    """How many arrivals were due in each second, over all kinds of users; drawn only as far as is asked for."""

    def __init__(self, plan: Plan, shares: Sequence[tuple[str, float]]) -> None:
        self._due = merge(
            *(
                due_times(plan.phases, share=share, kind=plan.arrivals, seed=seed_of(plan, name))
                for name, share in shares
                if plan.arrivals
            )
        )
        self._next = next(self._due, math.inf)
        self._seconds: list[int] = []

    def until(self, seconds: int) -> list[int]:
        """One number for each of the first `seconds`."""
        self._seconds += [0] * (seconds - len(self._seconds))
        while self._next < len(self._seconds):
            self._seconds[int(self._next)] += 1
            self._next = next(self._due, math.inf)
        return self._seconds[:seconds]


def planned_per_second(plan: Plan, shares: Sequence[tuple[str, float]], *, until_seconds: float) -> list[int]:
    return Planned(plan, shares).until(int(until_seconds))


def seed_of(plan: Plan, user: str) -> str:
    return f"{plan.seed}/{user}"


class Dispatcher:
    """Hands each arrival of one kind of user to whoever is free; the last to become free first.

    So as few users, and connections, are at work as the target's speed needs. Of each that nobody served `dropped` is
    told when it was due and for how long it waited.
    """

    def __init__(
        self,
        due: Iterator[float],
        *,
        now: Callable[[], float],
        patience_seconds: float = PATIENCE_SECONDS,
        dropped: Callable[[float, float], None] = lambda *_: None,
    ) -> None:
        self._due, self._now, self._patience, self._dropped = due, now, patience_seconds, dropped
        self._next: float | None = None
        self._idle: list[AsyncResult] = []
        self._waiting: deque[float] = deque()
        self._greenlet: Greenlet = spawn(self._run)

    def take(self) -> float:
        """Blocks until an arrival is due for the caller; returns when it was due."""
        self.give_up()
        if self._waiting:
            return self._waiting.popleft()
        mine: AsyncResult = AsyncResult()
        self._idle.append(mine)
        try:
            return float(mine.get())
        finally:
            # A user that is stopped while it waits must not be handed an arrival.
            if mine in self._idle:
                self._idle.remove(mine)

    @property
    def waiting(self) -> int:
        """Arrivals that are due and have no user yet."""
        return len(self._waiting)

    def give_up(self) -> None:
        """Drops those that have lost patience."""
        oldest = self._now() - self._patience
        while self._waiting and self._waiting[0] < oldest:
            self._dropped(self._waiting.popleft(), self._patience)

    def close(self) -> None:
        """From here on nobody is served. Who is due by now waits with the others, unless a user was free."""
        self._greenlet.kill()
        due, now = self._next, self._now()
        while due is not None and due <= now and not self._idle:
            self._waiting.append(due)
            due = next(self._due, None)
        self._next = None

    def drop_rest(self) -> None:
        """At the run's end, which nobody can wait beyond."""
        self.give_up()
        while self._waiting:
            due = self._waiting.popleft()
            self._dropped(due, self._now() - due)

    def _run(self) -> None:
        for due in self._due:
            self._next = due
            while (wait := due - self._now()) > 0:
                sleep(wait)
            self._next = None
            if self._idle:
                self._idle.pop().set(due)
            else:
                self._waiting.append(due)

"""What a process that makes load holds for the length of one run: recorder, clock, and its part of the arrivals."""

import gc
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import psutil
from gevent import Greenlet, sleep, spawn
from locust import User
from locust.env import Environment
from pydantic import TypeAdapter

from loadtest.arrivals import Dispatcher, due_times, of_worker, seed_of
from loadtest.recording.recorder import Recorder
from loadtest.run import Phase, Plan

ATTRIBUTE: Final = "portal_maker"
BEAT_SECONDS: Final = 0.02
GROWN_SECONDS: Final = 0.1
"""How often a plan that may grow is looked at once it is used up."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What the master tells each worker at the start."""

    plan: Plan
    started_at: float
    """Seconds since 1970 by the master's clock."""
    position: int
    workers: int
    shares: Mapping[str, float]
    """Of each user class in the arrivals."""
    patience_seconds: float


ASSIGNMENT: Final = TypeAdapter(Assignment)
PHASES: Final = TypeAdapter(tuple[Phase, ...])


def joins(environment: Environment) -> None:
    """A process that is to be told its part."""
    setattr(environment, ATTRIBUTE, None)


def has_no_part(environment: Environment) -> bool:
    """Whether nobody has told it: it came after the run had begun, and nothing of what it sends would count."""
    return getattr(environment, ATTRIBUTE, environment) is None


def maker_of(environment: Environment) -> "Maker | None":
    found: Maker | None = getattr(environment, ATTRIBUTE, None)
    return found


def begin(environment: Environment, assignment: Assignment) -> None:
    """From here on, every request of this process is recorded."""
    # What has been imported will never be garbage; to look through it again and again would stop everyone for 30 ms.
    gc.collect()
    gc.freeze()
    maker = Maker(assignment)
    setattr(environment, ATTRIBUTE, maker)
    environment.events.request.add_listener(maker.recorder.on_request)


def end(environment: Environment) -> "Maker | None":
    """The one that recorded until now, which still has its last report to give; nothing is added to it any more."""
    maker = maker_of(environment)
    if maker:
        setattr(environment, ATTRIBUTE, None)
        environment.events.request.remove_listener(maker.recorder.on_request)
        maker.stop()
    return maker


class Maker:
    def __init__(self, assignment: Assignment) -> None:
        plan = assignment.plan
        # From here on the monotonic clock alone: one that is set in the run moves nothing.
        self.clock_zero = time.perf_counter() - (time.time() - assignment.started_at)
        self.recorder = Recorder(plan, clock_zero=self.clock_zero)
        self.open = plan.model == "open"
        self.position, self.workers = assignment.position, assignment.workers
        self.feeders: dict[str, Any] = {}
        """Of this process and this run, by what they hand out."""
        self._phases = list(plan.phases)
        self.in_flight = 0
        """Requests that were sent and have no answer yet."""
        self._number = 0
        self._closed = False
        self._cpu: list[float] = []
        self._watches: list[Greenlet] = [spawn(self._watch_cpu), spawn(self._beat)]
        self._entries: dict[str, Counter[str]] = {name: Counter() for name in assignment.shares}
        """Of each kind of user, the requests with which its arrivals have begun."""

        def more() -> bool:
            """A plan that grows goes on where its last phase ended."""
            if self._closed or not plan.grows:
                return False
            sleep(GROWN_SECONDS)
            return True

        self._dispatchers = {
            name: Dispatcher(
                of_worker(
                    due_times(self._phases, share=share, kind=plan.arrivals, seed=seed_of(plan, name), more=more),
                    position=assignment.position,
                    workers=assignment.workers,
                ),
                now=self.recorder.now,
                patience_seconds=assignment.patience_seconds,
                dropped=partial(self._dropped, name),
            )
            for name, share in assignment.shares.items()
            if plan.arrivals
        }

    def take(self, user: type[User]) -> float:
        due = self._dispatchers[user.__name__].take()
        self.recorder.started(due)
        return due

    def begins(self, user: type[User], endpoint: str) -> None:
        """An arrival begins with that request."""
        self._entries[user.__name__][endpoint] += 1

    def _dropped(self, user: str, due: float, waited: float) -> None:
        """Nobody knows with what it would have begun: likeliest with what others of its kind mostly do."""
        [(endpoint, _)] = self._entries[user].most_common(1) or [(f"arrival {user}", 0)]
        self.recorder.dropped(endpoint, due=due, waited=waited)

    def extend(self, phases: Sequence[Phase]) -> None:
        self._phases.extend(phases)
        self.recorder.extended(replace(self.recorder.plan, phases=tuple(self._phases)))

    def report(self, *, final: bool = False) -> dict[str, Any]:
        cpu, self._cpu = self._cpu, []
        number, self._number = self._number, self._number + 1
        for dispatcher in self._dispatchers.values():
            dispatcher.give_up()
        return self.recorder.drain() | {
            "number": number,
            "sent_at": self.recorder.now(),
            "cpu_percent": cpu,
            "in_flight": self.in_flight,
            "waiting": sum(dispatcher.waiting for dispatcher in self._dispatchers.values()),
            "final": final,
        }

    def close(self) -> None:
        """The run is at its end: what is under way may still be answered, and nobody else is served."""
        self._closed = True
        for dispatcher in self._dispatchers.values():
            dispatcher.close()

    def stop(self) -> None:
        for watch in self._watches:
            watch.kill(block=False)
        self.close()
        for dispatcher in self._dispatchers.values():
            dispatcher.drop_rest()

    def _beat(self) -> None:
        """Does nothing, on time: what makes this late makes every user late. A busy loop, a busy machine, a limit."""
        while True:
            due = self.recorder.now() + BEAT_SECONDS
            sleep(BEAT_SECONDS)
            # Users that were woken stand in a queue.
            sleep(0)
            self.recorder.woke(due)

    def _watch_cpu(self) -> None:
        process = psutil.Process()
        process.cpu_percent()
        while True:
            sleep(1)
            self._cpu.append(process.cpu_percent())

"""Whether a process that made load measured the target, or itself."""

from collections.abc import Iterable
from typing import Final

from loadtest.run import LATE_SECONDS, Phase, Plan, Worker

SATURATED_PERCENT: Final = 90.0
SATURATED_SECONDS: Final = 5
"""A process that needs more than this of its core for so long in a row measures itself."""
MOST_LATE_SHARE: Final = 0.01
"""Of a phase, in which what was due began over LATE_SECONDS late: so 99 % of the arrivals begin within it."""
LEAST_LATE_SECONDS: Final = 1.0
"""A phase may be so short that a single hiccup is more than that share of it; so much there must be."""


def saturated_at(worker: Worker) -> int | None:
    lasting = 0
    for second, percent in enumerate(worker.cpu_percent):
        lasting = lasting + 1 if percent > SATURATED_PERCENT else 0
        if lasting == SATURATED_SECONDS:
            return second - SATURATED_SECONDS + 1
    return None


def late_share(worker: Worker, phase: Phase, *, until_seconds: float) -> float:
    """Of the phase, the part in which the process was late; 0 where that is none to speak of.

    A process that has too little of a core, among neighbours or under a limit, needs little of it and is late all the
    same: what it does goes into every latency, however fast the target is.
    """
    end = min(phase.end_seconds or until_seconds, until_seconds)
    late = sum(worker.late_seconds[int(phase.start_seconds) : int(end)])
    share = late / max(end - phase.start_seconds, late, LATE_SECONDS)
    return share if late >= LEAST_LATE_SECONDS and share > MOST_LATE_SHARE else 0.0


def judged(plan: Plan) -> Iterable[Phase]:
    """The phases in which it matters: of a search, those that measure."""
    return (phase for phase in plan.phases if (phase.name == "steady" if plan.search else phase.name != "warm-up"))

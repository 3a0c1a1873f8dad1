"""What the plan of a run asks of an autoscaler."""

from collections.abc import Sequence
from itertools import groupby

from loadtest.autoscaling.findings import Hold
from loadtest.run import Phase


def holds(phases: Sequence[Phase]) -> tuple[Hold, ...]:
    """One for each stretch of phases that aim at the same replicas; phases without such an aim are not judged."""
    found = []
    for replicas, grouped in groupby(phases, key=lambda phase: phase.replicas):
        stretch = list(grouped)
        first, last = stretch[0], stretch[-1]
        if replicas is None or last.end_seconds is None:
            continue
        found.append(
            Hold(
                start_seconds=first.start_seconds,
                end_seconds=last.end_seconds,
                rate_rps=last.offered_rps or 0.0,
                replicas=replicas,
            )
        )
    return tuple(found)

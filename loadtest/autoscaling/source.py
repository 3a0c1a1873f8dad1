"""What the sampler reads from, whichever way the cluster can be reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from loadtest.autoscaling.record import Event, Sample


class Unreadable(Exception):
    """Nothing could be read this time, and why."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`hpa` is None when there is none."""

    hpa: Mapping[str, Any] | None
    sample: Sample
    events: tuple[Event, ...]


class Source(Protocol):
    name: str

    def read(self, at: float) -> Reading:
        """What there is now, stamped `at`. Raises Unreadable."""
        ...


def one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""Is every backup as new as its promise says? No clock, no cloud: the handlers bring both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

NAMESPACE = "Portal/Backups"
METRIC = "Stale"
"""How many kinds of backup are older than promised, where alarms look for it."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A kind of backup, and how old its newest may be.

    `place` and `prefix`: where its objects are. `marker`: how the name of the object ends that is written last, so that
    a backup which broke off does not count. No `prefix`: a managed database named `place`.
    """

    name: str
    place: str
    prefix: str | None
    marker: str
    longest_hours: float

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Backup":
        """From a function's settings; raises `TypeError` or `KeyError` where they are not what is expected."""
        return cls(
            name=document["name"],
            place=document["place"],
            prefix=document["prefix"],
            marker=document["marker"],
            longest_hours=float(document["longest_hours"]),
        )


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found of one kind. `age_hours`: None where there is no backup at all."""

    backup: Backup
    age_hours: float | None

    @property
    def stale(self) -> bool:
        return self.age_hours is None or self.age_hours > self.backup.longest_hours

    def __str__(self) -> str:
        found = "there is none" if self.age_hours is None else f"the newest is {self.age_hours:.1f} hours old"
        return f"{self.backup.name}: {found}, at most {self.backup.longest_hours:g} are promised"


def judge(newest: Sequence[tuple[Backup, datetime | None]], now: datetime) -> tuple[Finding, ...]:
    """One finding for each kind, in the given order."""
    return tuple(
        Finding(backup=backup, age_hours=None if moment is None else (now - moment).total_seconds() / 3600)
        for backup, moment in newest
    )

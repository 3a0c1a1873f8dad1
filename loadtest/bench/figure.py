"""One line of what the benches print, whether it is within its limit, and what a part of the bench is."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

Say = Callable[[str], None]
"""Tells whoever waits what is being measured."""
Effort = TypeVar("Effort")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`measured` is None where that was not possible; `note` then says why. Without a limit it is for the reader."""

    what: str
    measured: float | None
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """None: nothing was promised."""
        if self.at_most is None and self.at_least is None:
            return None
        if self.measured is None:
            return False
        return (self.at_most is None or self.measured <= self.at_most) and (
            self.at_least is None or self.measured >= self.at_least
        )

    def told(self) -> str:
        return "-" if self.measured is None else f"{number(self.measured)} {self.unit}"

    def limit(self) -> str:
        if self.at_most is not None:
            return f"at most {number(self.at_most)} {self.unit}"
        if self.at_least is not None:
            return f"at least {number(self.at_least)} {self.unit}"
        return ""

    def judgement(self) -> str:
        return {None: "", True: "ok", False: "too slow"}[self.kept]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"kept": self.kept}


@dataclass(frozen=True, kw_only=True)
class Part(Generic[Effort]):
    """What `--only` can name. Figures come as they are measured, with files in a folder of the part's own."""

    about: str
    measure: Callable[[Path, Say, Effort], Iterator[Figure]]
    full: Effort
    quick: Effort

    def figures(self, folder: Path, say: Say, *, quick: bool) -> Iterator[Figure]:
        return self.measure(folder, say, self.quick if quick else self.full)


def number(value: float) -> str:
    """Three digits, and every digit before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

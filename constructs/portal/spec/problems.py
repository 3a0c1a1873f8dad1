"""What is wrong with a data file, said so that the reader can mend it without a second look."""

import json
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from portal.errors import PortalError
from portal.synthesis import ROOT

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of a file to a value."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One broken rule: where, what stands there, and what should."""

    path: Path
    value: Any
    rule: str
    show_value: bool = True


@dataclass(frozen=True, kw_only=True)
class FileProblem:
    """A problem and the place in the file it came from."""

    file: str
    line: int
    problem: Problem

    def __str__(self) -> str:
        field = ".".join(str(part) for part in self.problem.path) or "(the file)"
        value = f" = {_short(self.problem.value)}" if self.problem.show_value else ""
        return f"  line {self.line:<4} {field}{value}   {self.problem.rule}"


def _short(value: Any) -> str:
    text = (
        json.dumps(value, default=str, ensure_ascii=False)
        if isinstance(value, dict | list | bool | None)
        else str(value)
    )
    return text if len(text) <= 60 else text[:57] + "..."


class InvalidDataError(PortalError):
    """One or more data files break rules; the message lists every problem of every file.

    `problems`: tuple of `FileProblem`, in the order of file and line.
    """

    def __init__(self, problems: Iterable[FileProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, str(p.problem.path))))
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterable[str]:
        for file in dict.fromkeys(p.file for p in self.problems):
            own = [p for p in self.problems if p.file == file]
            yield f"{file} is not valid ({len(own)} problem{'s' if len(own) > 1 else ''}):"
            yield from map(str, own)
        yield "Nothing was synthesized."


def min_above_max(path: Path, low: int, high: int) -> Problem:
    return Problem(path=path, value=low, rule=f"must not be above max ({high})")


def did_you_mean(value: Any, names: Iterable[str]) -> str:
    """The end of a rule: the one of `names` that was probably meant, or nothing."""
    near = get_close_matches(str(value), names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def from_checkout(file: pathlib.Path) -> str:
    """The path of a file as a person opens it who stands in the checkout."""
    return str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)

"""Verdicts that must never be false: a second try would make a defect that shows half the time pass.

What judges by the clock may fail where the machine was busy, and `make test-realtime` tries it once more. That a
planted fault passed, or that the replay differs from the controller and nobody knows why, no busy machine explains.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

FALSE_VERDICTS: Final = Path(".pytest_cache/false-verdicts")
"""`make test-realtime` empties it, and tries nothing again where something is in it."""


def never_twice(false: Sequence[str]) -> None:
    """Fails where there is any, and so that no second try counts."""
    if false:
        FALSE_VERDICTS.parent.mkdir(exist_ok=True)
        with FALSE_VERDICTS.open("a") as file:
            file.writelines(f"{each}\n" for each in false)
    assert not false, "\n".join(false)

"""One module a command: `NAME`, `HELP`, `EXAMPLE`, `configure(parser)` and `run(options) -> exit code`."""

from argparse import ArgumentParser, Namespace
from typing import Protocol

from portal.commands import (
    accept,
    addresses,
    affected,
    bench,
    bundle,
    coverage,
    diagrams,
    login,
    preflight,
    schema,
    synth,
)


class Command(Protocol):
    """What every module of this package offers."""

    @property
    def NAME(self) -> str: ...

    @property
    def HELP(self) -> str: ...

    @property
    def EXAMPLE(self) -> str: ...

    def configure(self, parser: ArgumentParser) -> None: ...

    def run(self, options: Namespace) -> int: ...


COMMANDS: tuple[Command, ...] = (
    synth,
    addresses,
    preflight,
    coverage,
    accept,
    bundle,
    schema,
    diagrams,
    bench,
    affected,
    login,
)

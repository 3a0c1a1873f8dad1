"""Where commands print their tables."""

import sys

from rich.console import Console

PIPE_COLUMNS = 200
"""Wide enough that no table wraps in a log file or a job summary."""


def console(*, pipe_columns: int = PIPE_COLUMNS) -> Console:
    """Standard output: as wide as the terminal, or `pipe_columns` where there is none."""
    return Console(width=None if sys.stdout.isatty() else pipe_columns)

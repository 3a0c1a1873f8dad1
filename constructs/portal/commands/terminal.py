"""Where commands print their tables."""

import sys

from rich.console import Console

PIPE_COLUMNS = 200
"""Wide enough that no table wraps in a log file or a job summary."""


def console() -> Console:
    """Standard output: as wide as the terminal, or as tables need where there is none."""
    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)

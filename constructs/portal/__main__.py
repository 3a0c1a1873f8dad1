"""`python -m portal`: the commands behind the Makefile."""

import argparse
import os
import sys
from collections.abc import Sequence

from portal.commands import COMMANDS
from portal.errors import PortalError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 the answer is no, 2 the question was wrong."""
    parser = argparse.ArgumentParser(
        prog="portal",
        description="Commands of the portal platform. make runs them: `make help` lists the targets.",
        epilog="Exit codes: 0 done; 1 the answer is no; 2 wrong input or a missing tool; 130 interrupted.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.NAME,
            help=command.HELP,
            description=command.HELP,
            epilog=f"Example: {command.EXAMPLE}",
        )
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        # Here and not when Python ends: what a pipe's buffer holds is written only now.
        sys.stdout.flush()
    except PortalError as error:
        print(error, file=sys.stderr)
        return PortalError.EXIT_CODE
    except BrokenPipeError:
        # Whoever read our output has seen enough. The descriptor is replaced, or Python complains when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A full disk, a folder that cannot be written: whoever reads this can mend it.
        print(error, file=sys.stderr)
        return PortalError.EXIT_CODE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())

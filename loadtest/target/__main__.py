"""The embedded target until Ctrl-C, or for as long as one command runs.

Usage: python -m loadtest.target [--entities N] [--port N] [--logs DIR] [-- COMMAND ...]
The command finds the target in LOCUST_HOST and its token in PORTAL_TOKEN.
Exit codes: the command's; without one 0 when ended by Ctrl-C or SIGTERM; 2 something is missing; 3 the target failed;
130 when a command was interrupted and did not say so itself.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from loadtest.target.embedded import STAND_INS, Target, TargetFailed, TargetMissing, running
from loadtest.variables import STAND_INS_VARIABLE
from tools.cluster.processes import die_with_parent

COMMAND_ENDS_SECONDS = 60.0
"""What an interrupted command has to write its report."""


def main(words: Sequence[str]) -> int:
    options = parse(words)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    die_with_parent(signal.SIGTERM)
    started = time.monotonic()
    say(f"Starting Backstage with {options.entities} entities, half a minute; logs are in {options.logs} ...")
    try:
        with running(options.logs, entities=options.entities, port=options.port, given_up=ended.is_set) as target:
            say(f"Ready after {time.monotonic() - started:.0f} s at {target.url}, database {target.database}.")
            if options.command:
                return run(options.command, target, ended)
            say(f"export LOCUST_HOST={target.url} PORTAL_TOKEN=$(cat {target.token_file})\nCtrl-C ends it.")
            while not ended.wait(1.0):
                target.check()
            return 0
    except TargetMissing as missing:
        say(str(missing))
        return 2
    except TargetFailed as failed:
        say(str(failed))
        return 130 if ended.is_set() else 3


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.target",
        description="A real Backstage on loopback, behind a stand-in of the portal's frontend.",
        epilog="Example: python -m loadtest.target -- locust -f loadtest/locustfile.py --headless --profile smoke",
    )
    parser.add_argument("--entities", type=int, default=1000, help="in the catalog, at least 100 (default: 1000)")
    parser.add_argument("--port", type=port, help="of the frontend (default: a free one)")
    parser.add_argument("--logs", type=Path, default=Path("reports/target"), help="default: reports/target")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="what to run against it, after --")
    options = parser.parse_args(words)
    if options.entities < 100:
        parser.error(f"argument --entities: {options.entities} is too few for the journeys; at least 100")
    return options


def port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port; one is a number from 1 to 65535")
    return int(text)


def run(command: Sequence[str], target: Target, ended: threading.Event) -> int:
    """The command's exit code. A target that dies under it makes whatever it says worthless."""
    environment = {
        **os.environ,
        "LOCUST_HOST": target.url,
        "PORTAL_TOKEN": target.token,
        STAND_INS_VARIABLE: "\n".join(STAND_INS),
    }
    try:
        # In a session of its own: Ctrl-C reaches it once, from us.
        process = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509
    except OSError as error:
        say(f"{command[0]}: {error.strerror}")
        return 2
    try:
        while process.poll() is None:
            if ended.wait(0.2):
                end(process)
                return code(process) or 130
            target.check()
    finally:
        end(process)
    return code(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """It gets the time to write a report of what there was, whatever became of the target."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(COMMAND_ENDS_SECONDS)
    except subprocess.TimeoutExpired:
        say(f"The command did not end within {COMMAND_ENDS_SECONDS:.0f} s of being interrupted; killed")
        process.kill()
        process.wait()


def code(process: "subprocess.Popen[bytes]") -> int:
    """As a shell would give it."""
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

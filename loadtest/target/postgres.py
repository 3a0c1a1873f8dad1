"""A PostgreSQL of one's own: in a new folder, on a Unix socket that only its owner reaches, gone afterwards."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.cluster.processes import Program
from tools.cluster.scratch import ScratchFolder

DATABASE: Final = "idp_portal"
OWNER: Final = "portal_user"
START_SECONDS: Final = 20.0


class PostgresFailed(RuntimeError):
    """It did not start; the message says what it said."""


def binaries() -> Path | None:
    """Where the newest server's programs are: Debian keeps them off PATH, one folder a version."""
    versions = {
        int(found[1]): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if (found := re.fullmatch(r"(\d+)", folder.parent.name)) and (folder / "initdb").exists()
    }
    if versions:
        return versions[max(versions)]
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


@contextmanager
def postgres(programs: Path, log: Path) -> Iterator[Path]:
    """The folder of the socket of a server that answers."""
    user = unprivileged()
    scratch = ScratchFolder("portal-pg-")
    folder = scratch.path
    try:
        if user:
            shutil.chown(folder, user)
        made = subprocess.run(
            [programs / "initdb", "--pgdata", folder / "data", "--username", OWNER, "--auth", "trust", "--no-sync"],
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise PostgresFailed(f"initdb failed: {made.stderr.strip()}")
        # What a crash would lose here, nobody misses; waiting for the disk would only measure the laptop's.
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "unix_socket_permissions": "0700",
            "fsync": "off",
            "max_connections": "200",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        server = Program([programs / "postgres", "-D", folder / "data", *options], log, folder=folder, user=user)
        try:
            wait_until_it_answers(programs, folder, server)
            yield folder
        finally:
            # Immediate: it ends its children at once and writes nothing.
            server.stop(signal.SIGQUIT)
    finally:
        scratch.remove()


def wait_until_it_answers(programs: Path, folder: Path, server: Program) -> None:
    deadline = time.monotonic() + START_SECONDS
    # Also makes the database: so it answers queries, not only connections.
    create = [str(programs / "createdb"), "--host", str(folder), "--username", OWNER, DATABASE]
    while True:
        tried = subprocess.run(create, capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return
        if server.ended() is not None or time.monotonic() > deadline:
            raise PostgresFailed(f"PostgreSQL did not start; {server.log} ends with:\n{server.last_words()}")
        time.sleep(0.1)


def unprivileged() -> str | None:
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"

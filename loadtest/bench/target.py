"""What the benches load: nginx on loopback, one process that gives every question the same few bytes."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.cluster.processes import Program, free_ports

START_SECONDS: Final = 10.0
SEARCHED: Final = (*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/local/sbin", "/usr/sbin")
"""Debian keeps servers where only root's PATH leads."""
CONFIGURATION: Final = """
# Master and worker in one: it can be frozen as a whole, and nothing outlives it.
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # The default, 1,000, would have fast generators connect all the time.
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type application/json;
        location / {{ return 200 '{{"status": "ok"}}'; }}
    }}
}}
"""


class Missing(RuntimeError):
    """A program that a bench cannot do without is not installed; the message says how to get it."""


class BenchFailed(RuntimeError):
    """What was to be measured did not work; the message says what, and ends with its last words."""


@dataclass(frozen=True)
class Target:
    url: str
    program: Program

    def freeze(self) -> None:
        os.kill(self.program.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.program.pid, signal.SIGCONT)


def nginx() -> Path:
    found = shutil.which("nginx", path=os.pathsep.join(SEARCHED))
    if found is None:
        raise Missing("nginx is needed as the target; on Debian and Ubuntu: apt-get install nginx-light")
    return Path(found)


@contextmanager
def serving() -> Iterator[Target]:
    """Until the block ends, whichever way; on a port that was free."""
    program = nginx()
    with TemporaryDirectory(prefix="portal-bench-") as name:
        folder = Path(name)
        (port,) = free_ports(1)
        configuration = folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
        server = Program([program, "-p", folder, "-e", "stderr", "-c", configuration], folder / "nginx.log")
        try:
            wait_until_it_listens(port, server)
            yield Target(f"http://127.0.0.1:{port}", server)
        finally:
            # Not politely: one that is frozen would not hear it.
            server.kill()


def wait_until_it_listens(port: int, server: Program) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.ended() is not None or time.monotonic() > deadline:
                raise BenchFailed(f"nginx did not start:\n{server.last_words()}") from None
            time.sleep(0.02)
        else:
            return

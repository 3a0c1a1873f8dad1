"""Programs that live no longer than we do, whichever way we go."""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def die_with_parent(number: int = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Have Linux send this process a signal when its parent dies, even by kill -9.

    `parent`: who it was until now. One that has died meanwhile sends nothing, so the process ends here.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if parent not in (None, os.getppid()):
        os._exit(1)


class Program:
    """One program, its output in a file of its own."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        """In `folder`, with `environment` instead of ours, as `user` (only root may become another)."""
        self.name, self.log = Path(command[0]).name, log
        bound = partial(die_with_parent, parent=os.getpid())
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else (),
                # Ctrl-C at the terminal is for us alone; we then end them in order.
                start_new_session=True,
                # Bound before it runs at all; what it does between fork and exec is two system calls.
                preexec_fn=bound,  # noqa: PLW1509
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """At once: the API server drains for a minute when asked politely, and this cluster is thrown away."""
        self._process.kill()
        self._process.wait()

    def stop(self, number: int = signal.SIGTERM, *, patience_seconds: float = 5.0) -> None:
        """Asks it to end; what has not ended by then is killed."""
        self._process.send_signal(number)
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self, lines: int = 5) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now; all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()

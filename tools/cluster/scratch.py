"""Temporary folders that do not outlive their process for long, whichever way it went."""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

NEWBORN_SECONDS: Final = 60.0


class ScratchFolder:
    """A folder of ours alone. Who is killed by kill -9 cannot remove it: the next of its kind does."""

    def __init__(self, prefix: str) -> None:
        for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            remove_if_nobodys(left)
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._lock: int | None = os.open(self.path, os.O_RDONLY)
        # A file system without locks: then the folder stays, after kill -9, until somebody clears up.
        with suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Also twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_if_nobodys(folder: Path) -> None:
    """The kernel lets a lock go with its process, so what can be locked has no owner; or none yet, if it is new.

    What cannot be locked is somebody's, whatever the reason.
    """
    try:
        if time.time() - folder.stat().st_mtime < NEWBORN_SECONDS:
            return
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(lock)

"""What a process that was killed could not remove, the next of its kind removes, and nothing else."""

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tools.cluster.controlplane import ROOT
from tools.cluster.scratch import NEWBORN_SECONDS, ScratchFolder

SCRIPT = """
import time
from tools.cluster.scratch import ScratchFolder
print(ScratchFolder("portal-of-a-test-").path, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def ages(folder: Path) -> None:
    long_ago = time.time() - NEWBORN_SECONDS - 1
    os.utime(folder, (long_ago, long_ago))


def test_a_folder_of_who_was_killed_goes_and_a_folder_in_use_stays() -> None:
    owner = subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip())
    (folder / "authority.key").touch()
    ages(folder)
    ScratchFolder("portal-of-a-test-").remove()
    assert folder.exists()
    owner.kill()
    owner.wait()
    ScratchFolder("portal-of-another-").remove()
    assert folder.exists()
    mine = ScratchFolder("portal-of-a-test-")
    assert not folder.exists()
    mine.remove()
    mine.remove()
    assert not mine.path.exists()


def test_a_folder_that_its_owner_could_not_lock_yet_stays(tmp_path: Path) -> None:
    newborn = tmp_path / "portal-of-a-test-x"
    newborn.mkdir()
    ScratchFolder("portal-of-a-test-").remove()
    assert newborn.exists()
    ages(newborn)
    ScratchFolder("portal-of-a-test-").remove()
    assert not newborn.exists()


def test_where_no_lock_can_be_had_a_folder_is_made_and_none_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    somebodys = tmp_path / "portal-of-a-test-x"
    somebodys.mkdir()
    ages(somebodys)
    mine = ScratchFolder("portal-of-a-test-")
    assert somebodys.exists()
    mine.remove()
    assert not mine.path.exists()

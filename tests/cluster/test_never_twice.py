"""What `make test-realtime` tries again, and what it does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.cluster.controlplane import ROOT

SUITE = """
from pathlib import Path
from tests.cluster.never_twice import never_twice

with Path("tries").open("a") as tries:
    tries.write("x")
never_twice({false!r})
raise SystemExit(Path("tries").read_text() == "x")
"""
"""Fails the first time, as on a busy machine."""


@pytest.mark.parametrize(("false", "tries"), [([], 2), (["hpa deleted: passed"], 1)])
def test_what_fails_is_tried_once_more_unless_a_verdict_was_false(false: list[str], tries: int, tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "suite.py").write_text(SUITE.format(false=false))
    (tmp_path / ".pytest_cache").mkdir()
    (tmp_path / ".pytest_cache/false-verdicts").write_text("of the run before\n")
    done = subprocess.run(
        ["make", "--old-file=setup", "test-realtime", f"BY_THE_CLOCK={sys.executable} suite.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (tmp_path / "tries").read_text() == "x" * tries
    assert (done.returncode == 0) == (not false)
    assert done.stdout.splitlines() == false

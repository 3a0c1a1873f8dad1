"""Modules that write a file when they are run ask first what was meant."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.report.__main__ import SCHEMA as REPORT
from loadtest.slo.__main__ import SCHEMA as OBJECTIVES
from tests.conftest import ROOT


@pytest.mark.parametrize(("module", "schema"), [("loadtest.slo", OBJECTIVES), ("loadtest.report", REPORT)])
@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--hepl", 2)])
def test_help_writes_nothing_and_what_is_not_known_is_wrong_usage(
    module: str, schema: Path, argument: str, code: int
) -> None:
    before = schema.stat().st_mtime_ns
    command = [sys.executable, "-m", module, argument]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert f"usage: python -m {module}" in done.stdout + done.stderr
    assert schema.stat().st_mtime_ns == before

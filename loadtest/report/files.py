"""Writes what a run left. A file that cannot be written takes the verdict with it, but not the other files."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.report.document import DOCUMENT, document
from loadtest.run import RecordedRun
from loadtest.run import write as write_run
from loadtest.verdict import Reason, Result, Verdict

RUN, REPORT = "run.json.gz", "report.json"


def write_all(run: RecordedRun, verdict: Verdict, directory: Path) -> Verdict:
    """The verdict after writing: a run whose report is not there proves nothing to anyone."""
    problems = _written(directory, RUN, lambda file: write_run(run, file))
    problems += _written(directory, REPORT, lambda file: _write_json(_as_json(run, verdict), file))
    if problems:
        reasons = tuple(Reason(result=Result.invalid_run, rule="report", text=text) for text in problems)
        verdict = Verdict(result=Result.invalid_run, reasons=(*reasons, *verdict.reasons), outcomes=verdict.outcomes)
        # What can still be told to a machine, is.
        _written(directory, REPORT, lambda file: _write_json(_as_json(run, verdict), file))
    print(_told(verdict, directory), file=sys.stderr, flush=True)
    return verdict


def _as_json(run: RecordedRun, verdict: Verdict) -> Any:
    return DOCUMENT.dump_python(document(run, verdict), mode="json")


def _write_json(data: Any, file: Path) -> None:
    file.write_text(json.dumps(data, indent=1) + "\n")


def _written(directory: Path, name: str, write: Callable[[Path], None]) -> list[str]:
    """Whole or not at all: written beside, then moved into place."""
    part = directory / f"{name}.part"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(directory / name)
    except OSError as error:
        return [f"{directory / name} could not be written: {error.strerror}"]
    return []


def _told(verdict: Verdict, directory: Path) -> str:
    lines = [f"\nVerdict: {verdict.result.value} (exit code {verdict.exit_code})"]
    lines += [f"  {reason.result.value}: {reason.text}" for reason in verdict.reasons] or [f"  {verdict.sentence()}"]
    return "\n".join([*lines, f"Report: {directory}"])

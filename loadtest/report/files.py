"""Writes what a run left. A file that cannot be written takes the verdict with it, but not the other files."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from loadtest.report.build import document
from loadtest.report.document import DOCUMENT, Comparison, Document
from loadtest.report.junit import junit
from loadtest.report.page import page
from loadtest.report.summary import summary
from loadtest.run import RecordedRun
from loadtest.run import write as write_run
from loadtest.verdict import Reason, Result, Verdict

RUN = "run.json.gz"
REPORTS: Final[dict[str, Callable[[Document], str]]] = {
    "report.json": lambda told: json.dumps(DOCUMENT.dump_python(told, mode="json"), indent=1) + "\n",
    "junit.xml": junit,
    "summary.md": summary,
    "report.html": page,
}


def write_all(run: RecordedRun, verdict: Verdict, directory: Path, *, comparison: Comparison | None = None) -> Verdict:
    """The verdict after writing: a run whose report is not there proves nothing to anyone."""
    problems = _written(directory, RUN, lambda file: write_run(run, file))
    problems += _reports(document(run, verdict, comparison), directory)
    if problems:
        lost = (Reason(result=Result.invalid_run, rule="report", text=text) for text in problems)
        verdict = verdict.and_also(*lost)
        # What can still be told to a machine, is.
        _reports(document(run, verdict, comparison), directory)
    print(_told(verdict, directory), file=sys.stderr, flush=True)
    return verdict


def _reports(told: Document, directory: Path) -> list[str]:
    problems: list[str] = []
    for name, form in REPORTS.items():
        problems += _written(directory, name, partial(_write_text, form(told)))
    return problems


def _write_text(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")


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

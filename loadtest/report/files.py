"""Writes what a run left. A file that cannot be written takes the verdict with it, but not the other files."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
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

log = logging.getLogger(__name__)

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
    problems += _reports(run, verdict, comparison, directory)
    if problems:
        lost = (Reason(result=Result.invalid_run, rule="report", text=text) for text in problems)
        verdict = verdict.and_also(*lost)
        # What can still be told to a machine, is.
        _reports(run, verdict, comparison, directory)
    print(_told(verdict, directory), file=sys.stderr, flush=True)
    return verdict


def clear(directory: Path) -> None:
    """What a run before left there: after one that is killed it would stand as its report."""
    for name in (RUN, *REPORTS):
        # What cannot be removed cannot be written either, which the end of the run says.
        with suppress(OSError):
            (directory / name).unlink(missing_ok=True)


def _reports(run: RecordedRun, verdict: Verdict, comparison: Comparison | None, directory: Path) -> list[str]:
    try:
        told = document(run, verdict, comparison)
    except Exception as error:
        log.exception("No report can be made")
        return [f"the report could not be made: {type(error).__name__}: {error}"]
    problems: list[str] = []
    for name, form in REPORTS.items():
        problems += _written(directory, name, partial(_write_text, form, told))
    return problems


def _write_text(form: Callable[[Document], str], told: Document, file: Path) -> None:
    file.write_text(form(told), encoding="utf-8")


def _written(directory: Path, name: str, write: Callable[[Path], None]) -> list[str]:
    """Whole or not at all: written beside, then moved into place. One that fails takes no other with it."""
    part = directory / f"{name}.part"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(directory / name)
    except Exception as error:
        what = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        return [f"{directory / name} could not be written: {what}"]
    return []


def _told(verdict: Verdict, directory: Path) -> str:
    lines = [f"\nVerdict: {verdict.result.value} (exit code {verdict.exit_code})"]
    lines += [f"  {reason.result.value}: {reason.text}" for reason in verdict.reasons] or [f"  {verdict.sentence()}"]
    return "\n".join([*lines, f"Report: {directory}"])

"""From the sampler's lines to the record of a run, on the run's own clock."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Final

from pydantic import ValidationError

from loadtest.autoscaling.record import LINE, VERSION, AutoscalingRecord, Begin, End, Event, Gap, Line, Sample, Spec
from loadtest.autoscaling.replay import Pod, Usage

SILENCE_INTERVALS: Final = 3
"""So many readings missed in a row and unexplained are a gap of their own: the sampler itself stood still."""


class BrokenRecord(ValueError):
    """Lines that are not a sampler's."""


def read(lines: Iterable[str], *, run_started_at: float) -> AutoscalingRecord:
    """The record of a run that began at `run_started_at`, in seconds since 1970 by the sampler's machine.

    The last line may be cut off: that is how it looks when the sampler was killed.
    """
    begin, found = _parsed(lines)
    samples = [line for line in found if isinstance(line, Sample)]
    aheads = [s.cluster_clock_ahead_seconds for s in samples if s.cluster_clock_ahead_seconds is not None]
    ahead = median(aheads) if aheads else 0.0
    # Under a second is the grain of the Date header and no difference.
    ahead = ahead if abs(ahead) > 1 else 0.0
    stamped = run_started_at + ahead
    recorded = [line for line in found if isinstance(line, Gap)]
    silent = _silences(begin, found, recorded)
    gaps = sorted([*recorded, *silent], key=lambda gap: gap.start)
    return AutoscalingRecord(
        source=begin.source,
        interval_seconds=begin.interval_seconds,
        specs=tuple(replace(line, at=line.at - run_started_at) for line in found if isinstance(line, Spec)),
        samples=tuple(_shifted(sample, run_started_at, stamped) for sample in samples),
        events=tuple(replace(line, at=line.at - stamped) for line in found if isinstance(line, Event)),
        gaps=tuple(replace(gap, start=gap.start - run_started_at, end=gap.end - run_started_at) for gap in gaps),
    )


def _parsed(lines: Iterable[str]) -> tuple[Begin, list[Line]]:
    texts = [line for line in lines if line.strip()]
    found: list[Line] = []
    for number, text in enumerate(texts, start=1):
        try:
            found.append(LINE.validate_json(text))
        except ValidationError as error:
            if number == len(texts) and not text.endswith("\n"):
                break
            raise BrokenRecord(f"line {number} is not a line of the sampler: {text.strip()[:80]}") from error
    if not found or not isinstance(found[0], Begin):
        raise BrokenRecord("the sampler wrote nothing: look at its log")
    if found[0].version != VERSION:
        raise BrokenRecord(f"written by version {found[0].version} of the sampler; this is version {VERSION}")
    return found[0], found


def _silences(begin: Begin, found: list[Line], recorded: list[Gap]) -> list[Gap]:
    """Where there is neither a sample nor a recorded gap."""
    known = sorted(
        [
            (begin.at, begin.at),
            *((line.at, line.at) for line in found if isinstance(line, Sample | End)),
            *((gap.start, gap.end) for gap in recorded),
        ]
    )
    longest = SILENCE_INTERVALS * begin.interval_seconds
    return [
        Gap(start=end, end=start, reason="the sampler stood still")
        for (_, end), (start, _) in pairwise(known)
        if start - end > longest
    ]


def _shifted(sample: Sample, started_at: float, stamped: float) -> Sample:
    return replace(
        sample,
        at=sample.at - started_at,
        pods=tuple(_pod(pod, stamped) for pod in sample.pods),
        usage=None if sample.usage is None else {name: _usage(use, stamped) for name, use in sample.usage.items()},
    )


def _pod(pod: Pod, stamped: float) -> Pod:
    return replace(
        pod,
        created_at=pod.created_at - stamped,
        ready_changed_at=pod.ready_changed_at - stamped,
        started_at=None if pod.started_at is None else pod.started_at - stamped,
    )


def _usage(usage: Usage, stamped: float) -> Usage:
    return replace(usage, at=usage.at - stamped)

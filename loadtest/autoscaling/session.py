"""What `--autoscaling FILE` asks for, and the sampler that watches it while the test runs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loadtest.autoscaling import timeline
from loadtest.autoscaling.elasticity import Gates
from loadtest.autoscaling.findings import Budgets, Expectations
from loadtest.autoscaling.planned import holds
from loadtest.autoscaling.record import LINE, AutoscalingRecord, Sample
from loadtest.autoscaling.spec import Controller, HpaSpec
from loadtest.autoscaling.steps import Step, default_counts
from loadtest.data_file import read
from loadtest.run import Phase

ENDS_WITHIN_SECONDS: Final = 15


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Watched(Part):
    """The autoscaler, and the steps of load that it must follow: up from its resting count and back.

    Without `steps` they are worked out from a calibration, one for each count of `climb` and the way back.
    """

    namespace: str
    hpa: str
    context: str | None = None
    interval_seconds: Annotated[float, Field(gt=0)] = 2.0
    rps_per_replica: Annotated[float, Field(gt=0)] | None = None
    time_scale: Annotated[float, Field(ge=1)] = 1
    """By what the autoscaler's windows and periods (the chart's `hpa.timeScale`) and the controller's are divided."""
    elasticity: Gates = Gates()
    """The most of each that is let through; see docs/loadtest.md."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)] | None = None
    climb: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] | None = None
    hold_seconds: Annotated[float, Field(gt=0)] | None = None
    """Of each step that is worked out, beyond what its rules need to get there."""

    @model_validator(mode="after")
    def _elasticity_can_be_measured(self) -> Self:
        if self.rps_per_replica is None and self.elasticity != Gates():
            raise ValueError("elasticity needs rps_per_replica: without it no demand is known, and no gate could fail")
        return self

    @property
    def controller(self) -> Controller:
        return Controller().divided(self.time_scale)

    @model_validator(mode="after")
    def _steps_are_given_or_worked_out(self) -> Self:
        if self.steps and (self.climb or self.hold_seconds):
            raise ValueError("climb and hold_seconds are for steps from a calibration; take them or steps out")
        return self

    def climb_to(self, spec: HpaSpec) -> tuple[int, ...]:
        """The replicas of the steps up that are worked out."""
        return self.climb or default_counts(spec)

    def counts(self, spec: HpaSpec) -> tuple[int, ...]:
        """The replicas that the steps aim at, in order."""
        if self.steps:
            return tuple(step.replicas for step in self.steps)
        return (*self.climb_to(spec), spec.min_replicas)

    def comes_back(self, spec: HpaSpec) -> bool:
        """Whether the last step is the way back to the minimum."""
        counts = self.counts(spec)
        return len(counts) > 1 and counts[-1] <= spec.min_replicas < counts[-2]

    def load_steps(self) -> tuple[Step, ...]:
        """Empty where they are to be worked out."""
        return self.steps or ()

    def expectations(self, phases: Sequence[Phase]) -> Expectations:
        return Expectations(
            holds=holds(phases),
            rps_per_replica=self.rps_per_replica,
            gates=self.elasticity,
            budgets=Budgets().divided(self.time_scale),
            controller=self.controller,
        )

    def stand_ins(self) -> tuple[str, ...]:
        """What of it is not as in production, in words for the report."""
        if self.time_scale == 1:
            return ()
        return (f"the autoscaler's windows, periods and deadlines are divided by {self.time_scale:g} (hpa.timeScale)",)


def load(file: Path) -> Watched:
    """Raises `BrokenFile`."""
    return read(file, Watched)


class SamplerProcess:
    def __init__(self, watched: Watched) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="loadtest-sampler-")
        self._lines, self._log = (Path(self._directory.name, name) for name in ("lines.jsonl", "log"))
        command = [sys.executable, "-m", "loadtest.autoscaling", str(self._lines)]
        command += ["--namespace", watched.namespace, "--hpa", watched.hpa]
        command += ["--interval-seconds", str(watched.interval_seconds)]
        command += ["--context", watched.context] if watched.context else []
        self._interval = watched.interval_seconds
        # As the sampler does, so that a clock that is set in the run makes no sample old.
        self._clock_zero = time.time() - time.monotonic()
        self._read = 0
        self._sample: Sample | None = None
        root = str(Path(__file__).resolve().parent.parent.parent)
        with self._log.open("w") as log:
            # Ctrl-C reaches the whole group; the sampler is to end after the last sample, not before.
            self._process = subprocess.Popen(
                command, env=os.environ | {"PYTHONPATH": root}, stdout=log, stderr=log, start_new_session=True
            )

    def latest(self) -> Sample | None:
        """What it saw last; nothing where it has seen nothing, or not for so long that more may have changed."""
        with suppress(OSError), self._lines.open() as lines:
            lines.seek(self._read)
            # A line that is not whole yet is read the next time.
            for line in takewhile(lambda line: line.endswith("\n"), iter(lines.readline, "")):
                found = LINE.validate_json(line)
                self._sample = found if isinstance(found, Sample) else self._sample
                self._read += len(line.encode())
        longest = timeline.SILENCE_INTERVALS * self._interval
        now = self._clock_zero + time.monotonic()
        return self._sample if self._sample and now - self._sample.at < longest else None

    def so_far(self, *, run_started_at: float) -> AutoscalingRecord | str:
        """What it has seen; in words, why there is nothing."""
        try:
            with self._lines.open() as lines:
                return timeline.read(lines, run_started_at=run_started_at)
        except (OSError, timeline.BrokenRecord) as error:
            last = self._log.read_text().strip().splitlines()[-1:]
            return f"the sampler of the autoscaler left nothing: {error}; its last words: {' '.join(last) or 'none'}"

    def stop(self, *, run_started_at: float) -> AutoscalingRecord | str:
        """What it saw, to its end."""
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        try:
            return self.so_far(run_started_at=run_started_at)
        finally:
            self._directory.cleanup()

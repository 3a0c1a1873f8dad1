"""The file of objectives (`--slo`): per group of endpoints and phase, what must hold."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loadtest.data_file import read
from loadtest.run import PhaseName

Milliseconds = Annotated[float, Field(gt=0)]
Ratio = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LatencyMs(Part):
    """Milliseconds that a share of the requests must not exceed, counted from when they were due."""

    p50: Milliseconds | None = None
    p95: Milliseconds | None = None
    p99: Milliseconds | None = None
    p99_9: Milliseconds | None = None

    def limits(self) -> dict[str, float]:
        named = {"p50": self.p50, "p95": self.p95, "p99": self.p99, "p99.9": self.p99_9}
        return {name: limit for name, limit in named.items() if limit is not None}


class Apdex(Part):
    """Satisfied within the threshold, tolerating within four times it; failed requests are frustrated."""

    threshold_ms: Milliseconds
    at_least: Ratio


class Objective(Part):
    """Without `window_seconds` it holds for the phases as a whole; with it, for every such window of them."""

    name: str
    endpoints: tuple[str, ...] = ("*",)
    """Patterns of method and route, such as `GET /api/catalog/*`."""
    phases: tuple[PhaseName, ...] = ("steady",)
    latency_ms: LatencyMs = LatencyMs()
    error_ratio: Ratio | None = None
    throughput_rps: Annotated[float, Field(gt=0)] | None = None
    """At least so many answered without failure, a second."""
    apdex: Apdex | None = None
    window_seconds: Annotated[int, Field(ge=1)] | None = None
    for_seconds: Annotated[int, Field(ge=0)] = 0
    """A breach counts once it has lasted for so long."""
    abort: bool = False
    """Ends the run when missed."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.latency_ms.limits() and not any((self.apdex, self.throughput_rps, self.error_ratio is not None)):
            raise ValueError("sets no limit: give latency_ms, error_ratio, throughput_rps or apdex")
        if self.window_seconds is None and (self.for_seconds or self.abort):
            raise ValueError("for_seconds and abort need window_seconds: the whole run is one window at its end only")
        return self

    def about(self, endpoint: str) -> bool:
        return any(fnmatchcase(endpoint, pattern) for pattern in self.endpoints)


class Objectives(Part):
    version: Literal[1] = 1
    objectives: tuple[Objective, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [objective.name for objective in self.objectives]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"objectives with the same name: {', '.join(sorted(twice))}")
        return self


def load(file: Path) -> Objectives:
    """Raises `BrokenFile`."""
    return read(file, Objectives)

"""Weights and think times of the journeys, as data."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loadtest.data_file import read

JOURNEYS: Final = Path(__file__).parent / "journeys.yaml"


class Pace(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: Annotated[int, Field(ge=0)]
    think_seconds: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]

    @model_validator(mode="after")
    def ordered(self) -> "Pace":
        if self.think_seconds[0] > self.think_seconds[1]:
            raise ValueError("think_seconds: the shortest pause comes first")
        return self


class Paces(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    journeys: dict[str, Pace]

    @model_validator(mode="after")
    def somebody_comes(self) -> "Paces":
        if not any(pace.weight for pace in self.journeys.values()):
            raise ValueError("every weight is 0: nobody would visit")
        return self


def load(file: Path = JOURNEYS) -> dict[str, Pace]:
    """Raises `BrokenFile`."""
    return read(file, Paces).journeys

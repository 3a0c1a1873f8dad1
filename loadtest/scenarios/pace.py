"""Weights and think times of the journeys, as data."""

from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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


class BadJourneys(ValueError):
    """The file is not as it must be; the message names field, value and rule."""


def load(file: Path = JOURNEYS) -> dict[str, Pace]:
    try:
        return Paces.model_validate(yaml.safe_load(file.read_text())).journeys
    except yaml.YAMLError as error:
        raise BadJourneys(f"{file.name} is not YAML: {error}") from error
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, each['loc']))} = {shown(each['input'])}   {each['msg']}" for each in error.errors()
        ]
        raise BadJourneys("\n".join([f"{file.name} is not valid ({len(lines)} problems):", *lines])) from error


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."

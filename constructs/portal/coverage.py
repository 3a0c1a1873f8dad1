"""Where each row of the deployment guide is in the stacks, as their synthesized JSON says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from portal.helm_values import decoded
from portal.rendering import example, own_releases, render
from portal.spec.loader import load
from portal.spec.types import Several, Spec
from portal.synthesis import OUTPUT, read_stack, resources

FILE = Path(__file__).parent / "coverage.yaml"

ENVIRONMENTS = ("dev-*", "staging-*", "prod-*", "local")
"""The stacks that most rows are about: those with a cluster."""


class Evidence(Spec):
    """One thing that has to be in a stack; `*` stands for any text."""

    resource: str | None = Field(default=None, description="Terraform address.")
    release: str | None = Field(default=None, description="Name of a Helm release.")
    value: str | None = Field(default=None, description="Dotted path of a value of the release that must be on.")
    object: str | None = Field(default=None, description="Kind/name of an object that one of our charts makes.")

    @model_validator(mode="after")
    def _names_one_thing(self) -> "Evidence":
        if sum(field is not None for field in (self.resource, self.release, self.object)) != 1:
            raise PydanticCustomError("evidence", "must name one of resource, release and object")
        if self.value is not None and self.release is None:
            raise PydanticCustomError("evidence", "has a value, so it must name its release")
        return self

    def __str__(self) -> str:
        return self.resource or self.object or f"release {self.release}" + (f": {self.value}" if self.value else "")


class Row(Spec):
    """A row of the guide. `guide`: its section; `stacks`: patterns of the stacks that must have all the evidence."""

    guide: str
    row: str
    evidence: Several[Evidence]
    stacks: Several[str] = ENVIRONMENTS
    not_yet: str | None = Field(default=None, description="Why the row may be empty; refused once it is not.")


class Guide(Spec):
    """The rows by part of the guide."""

    parts: dict[str, Several[Row]]


class State(StrEnum):
    """Where a row stands. A row that is `missing` or `built` fails."""

    COVERED = "covered"
    MISSING = "missing"
    NOT_YET = "not yet"
    BUILT = "marked not yet, but built"


@dataclass(frozen=True, kw_only=True)
class Covered:
    """A row with what was found. `found`: by stack; `missing`: by stack, the evidence that it lacks."""

    row: Row
    found: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, tuple[str, ...]]

    @property
    def state(self) -> State:
        if self.row.not_yet is not None:
            return State.NOT_YET if self.missing else State.BUILT
        return State.MISSING if self.missing else State.COVERED

    @property
    def fails(self) -> bool:
        return self.state in (State.MISSING, State.BUILT)


class Contents:
    """What is in one stack, by the names that evidence uses. Objects are rendered when first asked for."""

    def __init__(self, name: str, document: Mapping[str, Any], folder: Path) -> None:
        self.name = name
        self._document = document
        self._folder = folder

    @classmethod
    def read(cls, name: str, output: Path = OUTPUT) -> "Contents":
        """A stack of the last synthesis."""
        return cls(name, read_stack(name, output), output / name)

    def matching(self, evidence: Evidence) -> Iterator[str]:
        """The addresses, releases or objects that are such evidence, sorted."""
        if evidence.resource is not None:
            yield from (address for address in self._addresses if fnmatchcase(address, evidence.resource))
        elif evidence.object is not None:
            yield from (object for object in self._objects if fnmatchcase(object, evidence.object))
        else:
            for name, body in self._releases.items():
                if fnmatchcase(name, str(evidence.release)) and (
                    evidence.value is None or _is_on(body, evidence.value)
                ):
                    yield str(evidence).replace(str(evidence.release), name)

    @cached_property
    def _addresses(self) -> list[str]:
        return sorted(resource.address for resource in resources(dict(self._document)))

    @cached_property
    def _releases(self) -> dict[str, Mapping[str, Any]]:
        bodies = self._document["resource"].get("helm_release", {}).values()
        return {body["name"]: body for body in sorted(bodies, key=lambda body: str(body["name"]))}

    @cached_property
    def _objects(self) -> list[str]:
        return sorted(
            f"{object['kind']}/{object['metadata']['name']}"
            for release in own_releases(self._document, self._folder)
            for object in render(release)
        )


def load_guide(file: Path = FILE) -> Guide:
    """The rows. Raises like `portal.spec.loader.load`."""
    return load(file, Guide)


def cover(rows: Sequence[Row], stacks: Sequence[Contents]) -> list[Covered]:
    """Looks every row up in every stack that it is about. A row about no stack at all lacks everything."""
    return [_cover(row, stacks) for row in rows]


def _cover(row: Row, stacks: Sequence[Contents]) -> Covered:
    found, missing = {}, {}
    concerned = [stack for stack in stacks if any(fnmatchcase(stack.name, pattern) for pattern in row.stacks)]
    for stack in concerned:
        matches = {str(evidence): tuple(stack.matching(evidence)) for evidence in row.evidence}
        found[stack.name] = tuple(dict.fromkeys(name for names in matches.values() for name in names))
        lacking = tuple(evidence for evidence, names in matches.items() if not names)
        if lacking:
            missing[stack.name] = lacking
    if not concerned:
        missing[", ".join(row.stacks)] = ("any stack of this name",)
    return Covered(row=row, found=found, missing=missing)


def _is_on(release: Mapping[str, Any], path: str) -> bool:
    value: Any = decoded(release["values"], known=example)
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return bool(value)

"""A synthesized stack as a graph of resources, for questions in tests."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cdktf import App

from portal.app import stacks
from portal.helm_values import decoded
from portal.spec.environment import Environment
from portal.spec.loader import Environments
from portal.spec.versions import Versions

REFERENCE = re.compile(r"(?<![\w.\"-])((?:data\.)?[a-z][a-z0-9_]*_[a-z0-9_]+\.[A-Za-z_][\w-]*)")
"""An address inside `${...}`: type and name, `data.` before a data source."""


@dataclass(frozen=True)
class Resource:
    """A resource or data source. `body`: its JSON without cdktf's metadata."""

    address: str
    path: str
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        return self.address.removeprefix("data.").split(".")[0]

    def __getitem__(self, key: str) -> Any:
        return self.body[key]

    def get(self, key: str) -> Any:
        return self.body.get(key)


class SynthesizedStack:
    """One `cdk.tf.json`: its resources by address, and what refers to what."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.name = file.parent.name
        self.text = file.read_text(encoding="utf-8")
        self.document: dict[str, Any] = json.loads(self.text)

    @cached_property
    def resources(self) -> dict[str, Resource]:
        found = {resource.address: resource for resource in self._read("resource", "")}
        assert found, f"{self.name} makes nothing"
        return found

    @cached_property
    def data_sources(self) -> dict[str, Resource]:
        return {source.address: source for source in self._read("data", "data.")}

    def _read(self, block: str, prefix: str) -> Iterator[Resource]:
        for type, by_name in self.document.get(block, {}).items():
            for name, body in by_name.items():
                path = body.get("//", {}).get("metadata", {}).get("path", "")
                arguments = {key: value for key, value in body.items() if key != "//"}
                yield Resource(address=f"{prefix}{type}.{name}", path=path, body=arguments)

    def all(self, type: str) -> list[Resource]:
        """Every resource of a type, by address."""
        return [resource for address, resource in sorted(self.resources.items()) if resource.type == type]

    def each(self, type: str) -> list[Resource]:
        """As `all`, where there has to be one: a rule over none of them would hold whatever is built."""
        found = self.all(type)
        assert found, f"{self.name} has no {type}"
        return found

    def one(self, type: str, name: str | None = None) -> Resource:
        """The only resource of a type, or the one with this Terraform name."""
        found = [r for r in self.all(type) if name is None or r.address == f"{type}.{name}"]
        assert len(found) == 1, f"{self.name} has {len(found)} of {type} {name or ''}"
        return found[0]

    @cached_property
    def edges(self) -> dict[str, set[str]]:
        """Address -> the addresses that it refers to, by argument or `depends_on`."""
        known = self.resources | self.data_sources
        return {
            address: {found for found in references(resource.body) if found in known and found != address}
            for address, resource in known.items()
        }

    def references(self, resource: Resource) -> set[str]:
        return self.edges[resource.address]

    def referring_to(self, resource: Resource, type: str | None = None) -> list[Resource]:
        """What refers to a resource directly; only of `type` if given."""
        return [
            self.resources[address]
            for address, targets in sorted(self.edges.items())
            if resource.address in targets
            and address in self.resources
            and type in (None, self.resources[address].type)
        ]

    def comes_after(self, resource: Resource) -> set[str]:
        """Every address that exists before `resource` is created, and until after it is destroyed."""
        seen: set[str] = set()
        open = [resource.address]
        while open:
            new = self.edges[open.pop()] - seen
            seen |= new
            open += new
        return seen

    @cached_property
    def releases(self) -> dict[str, Resource]:
        """Helm releases by the name they have in the cluster."""
        return {release["name"]: release for release in self.all("helm_release")}

    def values(self, release: str) -> dict[str, Any]:
        """The values that a release gets; a Terraform reference stands as `<address.attribute>`."""
        return helm_values(self.releases[release]["values"])


def references(value: Any) -> set[str]:
    """Addresses that a piece of Terraform JSON mentions in `${...}` or in `depends_on`."""
    if isinstance(value, Mapping):
        plain = set(value.get("depends_on", ())) if isinstance(value.get("depends_on"), list) else set()
        return plain.union(*(references(item) for item in value.values())) if value else plain
    if isinstance(value, list):
        return set().union(*(references(item) for item in value))
    if isinstance(value, str) and "${" in value:
        return set(REFERENCE.findall(value))
    return set()


def helm_values(documents: Sequence[str]) -> dict[str, Any]:
    """Reads what `encode_values` wrote, without Terraform: a reference stands as `<address.attribute>`."""
    return decoded(documents, known=lambda expression: f"<{expression}>")


def synthesized(name: str, environments: Environments, versions: Versions, outdir: Path) -> SynthesizedStack:
    """That stack as these data make it."""
    app = App(outdir=str(outdir))
    stacks(environments, versions)[name](app)
    app.synth()
    return SynthesizedStack(outdir / "stacks" / name / "cdk.tf.json")


def with_tier(environments: Environments, environment: Environment) -> Environments:
    """The data with this in place of the environment of its tier."""
    return environments.model_copy(update={"tiers": {**environments.tiers, environment.tier: environment}})

"""One AWS stack's JSON, as quotas, addresses and permissions ask it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from portal.review.references import references
from portal.synthesis import PlannedResource, resources


@dataclass(frozen=True, order=True)
class Place:
    """An account in a region: quotas count what is in both."""

    account: str
    region: str


class AwsStack:
    """Resources by type and address, where each is made, and what a value refers to."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        self.name = name
        self.document = document
        self._providers = {
            f"aws.{provider['alias']}" if "alias" in provider else "aws": provider
            for provider in document["provider"]["aws"]
        }

    @cached_property
    def resources(self) -> dict[str, PlannedResource]:
        """Every managed resource by address."""
        return {resource.address: resource for resource in resources(dict(self.document))}

    @property
    def home(self) -> Place:
        """The account and region of the stack's own provider."""
        return self._place({})

    def all(self, *types: str) -> Iterator[PlannedResource]:
        """The resources of these types, by address."""
        return (resource for _, resource in sorted(self.resources.items()) if resource.type in types)

    def place(self, resource: PlannedResource) -> Place:
        """Where a resource is made: by its own `region`, or its provider's."""
        return self._place(resource.body)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """AWS's types in the stack, sorted; those of data sources after `data.`."""
        managed = (type for type in self.document["resource"] if type.startswith("aws_"))
        read = (f"data.{type}" for type in self.document.get("data", {}) if type.startswith("aws_"))
        return tuple(sorted((*managed, *read)))

    def referred(self, value: Any, type: str) -> tuple[PlannedResource, ...]:
        """The resources of `type` that an argument refers to, in the order of its text."""
        found = references({"value": value})
        return tuple(self.resources[address] for address in found if address.startswith(f"{type}."))

    def _place(self, body: Mapping[str, Any]) -> Place:
        provider = self._providers[body.get("provider", "aws")]
        (account,) = provider["allowed_account_ids"]
        return Place(account=account, region=body.get("region") or provider["region"])

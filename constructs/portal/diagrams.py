"""A stack as pictures in Mermaid's words, made from its JSON, so that the page shows what is deployed."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from portal.review.references import Document, references
from portal.spec.loader import load
from portal.spec.types import Several, Spec
from portal.synthesis import PlannedResource, resources

FILE = Path(__file__).parent / "diagrams.yaml"

_NUMBERED = re.compile(r"-([a-z]|\d+)$")
"""The end of a name that tells members of a set apart: a zone's letter, or a number."""

Edges = dict[str, set[str]]


class Legend(Spec):
    """What is drawn, and as what; the file explains each."""

    drawn: dict[str, str]
    through: Several[str]
    joints: dict[str, Several[str]]
    pervasive: Several[str]
    about_keys: Several[str]


def load_legend() -> Legend:
    return load(FILE, Legend)


class Drawing:
    """The resources of one stack, and which of them refers to which as far as the legend shows it."""

    def __init__(self, document: Document, legend: Legend) -> None:
        self._legend = legend
        self._resources = {each.address: each for each in resources(dict(document))}

    @cached_property
    def edges(self) -> Edges:
        """Address -> addresses, both of drawn types."""
        found: Edges = defaultdict(set)
        for each in self._resources.values():
            if each.type in self._legend.drawn:
                found[each.address] |= set(self._seen(self._arguments(each)))
            elif ends := self._legend.joints.get(each.type):
                first, second = ({*self._seen({end: each.body.get(end)})} for end in ends)
                for start in first:
                    found[start] |= second
        return {start: ends - {start} for start, ends in found.items()}

    def _seen(self, body: Mapping[str, object]) -> Iterator[str]:
        for address in references(body):
            each = self._resources.get(address)
            if each is None:
                continue
            if each.type in self._legend.through:
                yield from self._seen(self._arguments(each))
            elif each.type in self._legend.drawn:
                yield address

    @staticmethod
    def _arguments(resource: PlannedResource) -> dict[str, object]:
        """What it is made of; what must merely be there before it says nothing about who talks to whom."""
        return {key: value for key, value in resource.body.items() if key != "depends_on"}

    def components(self) -> str:
        """What the stack is made of. A box is all resources of one type in one part of the stack."""
        boxes: dict[tuple[str, str], list[PlannedResource]] = defaultdict(list)
        for address in sorted(self._shown):
            each = self._resources[address]
            boxes[each.layer, each.type].append(each)
        arrows = {
            (_box(self._resources[start]), _box(self._resources[end]))
            for start, ends in self.edges.items()
            for end in ends
            if {start, end} <= self._shown
        }
        lines = ["flowchart LR"]
        for layer in sorted({layer for layer, _ in boxes}):
            lines.append(f'  subgraph {_id(layer)}["{layer}"]')
            lines += [
                f'    {_id(layer)}_{type}["{self._label(type, members)}"]'
                for (of, type), members in boxes.items()
                if of == layer
            ]
            lines.append("  end")
        lines += [f"  {start} --> {end}" for start, end in sorted(arrows) if start != end]
        return "\n".join(lines)

    @cached_property
    def _shown(self) -> set[str]:
        """Every drawn resource; of the releases only those that use something outside the cluster."""
        return {
            address
            for address, each in self._resources.items()
            if each.type in self._legend.drawn
            and each.type not in self._legend.pervasive
            and (each.type != "helm_release" or self.edges.get(address))
        }

    def _label(self, type: str, members: list[PlannedResource]) -> str:
        names = dict.fromkeys(_NUMBERED.sub("", _short(each)) for each in members)
        count = f" x {len(members)}" if len(members) > 1 else ""
        return "<br/>".join((f"{self._legend.drawn[type]}{count}", *(names if len(names) > 1 else ())))

    def order(self) -> str:
        """The releases in the cluster: an arrow leads to what is installed later and removed earlier."""
        before = {
            address: {other for other in self._all_before(address) if other.startswith("helm_release.")}
            for address in self._resources
            if address.startswith("helm_release.")
        }
        lines = ["flowchart LR"]
        lines += [f'  {_id(address)}["{_short(self._resources[address])}"]' for address in sorted(before)]
        for address, earlier in sorted(before.items()):
            # Only the last steps: what is needed by what is needed goes without saying.
            implied = set().union(*(before[other] for other in earlier))
            lines += [f"  {_id(other)} --> {_id(address)}" for other in sorted(earlier - implied)]
        return "\n".join(lines)

    def _all_before(self, address: str) -> set[str]:
        seen: set[str] = set()
        open = [address]
        while open:
            new = {other for other in references(self._resources[open.pop()].body) if other in self._resources} - seen
            seen |= new
            open += new
        return seen

    def encrypted(self) -> Iterator[tuple[str, list[str]]]:
        """Each key with what it encrypts, by construct."""
        users: dict[str, set[str]] = defaultdict(set)
        for each in self._resources.values():
            if each.type not in self._legend.about_keys:
                for address in references(self._arguments(each)):
                    users[address].add(_construct(each))
        for address, each in sorted(self._resources.items()):
            if each.type == "aws_kms_key":
                yield _construct(each), sorted(users[address])


def _box(resource: PlannedResource) -> str:
    return f"{_id(resource.layer)}_{resource.type}"


def _id(text: str) -> str:
    """A name that Mermaid takes as one."""
    return re.sub(r"\W", "_", text)


def _short(resource: PlannedResource) -> str:
    """A resource's name within its part of the stack."""
    if resource.type == "helm_release":
        return str(resource.body["name"])
    return _construct(resource).removeprefix(f"{resource.layer}/").replace("/", " ")


def _construct(resource: PlannedResource) -> str:
    """The path of the construct that made it: what the source calls it."""
    return "/".join(part for part in resource.path.split("/") if part != "Default")

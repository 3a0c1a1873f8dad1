"""Terraform's diagnostics, told as refusals of constructs."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from portal.review.references import BLOCKS, Document, members


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Something that a provider, or Terraform, does not take.

    `stage`: what refused it. `construct`: its path; for a block without one the block, `provider.helm`; empty if
    Terraform names no place. `argument`: where in the block, joined by dots; empty for the whole of it.
    """

    stage: str
    construct: str
    address: str
    argument: str
    message: str


class Source:
    """A stack's document as the file that Terraform reads, and back from a line of it to the construct."""

    FILE = "cdk.tf.json"

    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = json.dumps(document, indent=2)

    def refusal(self, stage: str, diagnostic: Mapping[str, Any], folder: Path) -> Refusal:
        """What `diagnostic` says about this file. `folder`: where it ran; its path is taken out of the message."""
        text = ": ".join(diagnostic[part] for part in ("summary", "detail") if diagnostic.get(part))
        place = diagnostic.get("range", {})
        keys = self._keys[place["start"]["line"] - 1] if place.get("filename") == self.FILE else ()
        address, argument = _split(keys)
        if not address:
            # A cycle has no line, only addresses in its text.
            named = (known for known in self._constructs if re.search(rf"\b{re.escape(known)}(?![\w-])", text))
            address = diagnostic.get("address") or next(named, "")
        return Refusal(
            stage=stage,
            construct=self._constructs.get(address, address),
            address=address,
            argument=argument,
            message="\n".join(line.strip() for line in text.replace(f"{folder}/", "").splitlines() if line.strip()),
        )

    @cached_property
    def _constructs(self) -> dict[str, str]:
        """Address -> construct path."""
        return {
            address: body.get("//", {}).get("metadata", {}).get("path", address)
            for address, body in members(self.document)
        }

    @cached_property
    def _keys(self) -> list[tuple[str, ...]]:
        """For each line, the keys that lead to what begins or ends on it; for an element of a list its index."""
        return list(_keys_by_line(self.text))


def _keys_by_line(text: str) -> Iterator[tuple[str, ...]]:
    """Relies on `indent=2`: one key or element a line, two spaces a level."""
    path: list[str] = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        if line.lstrip()[0] in "}]":
            del path[depth:]
        elif depth:
            key = re.match(r'\s*("(?:[^"\\]|\\.)*"): ', line)
            before = path[depth - 1] if len(path) >= depth else "-1"
            path[depth - 1 :] = [json.loads(key[1]) if key else str(int(before) + 1)]
        yield tuple(path)


def _split(keys: tuple[str, ...]) -> tuple[str, str]:
    """The address that begins a path of keys, and the argument that is the rest."""
    if keys and keys[0] in BLOCKS:
        return f"{BLOCKS[keys[0]]}{'.'.join(keys[1:3])}", ".".join(keys[3:])
    return ".".join(keys[:2]), ".".join(keys[2:])

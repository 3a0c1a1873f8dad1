"""Renames of constructs as Terraform `moved` blocks: `moves.yaml` applied to a stack.

cdktf can move a single resource, not a construct. Here a move of a construct moves everything under it, and a chain of
moves is followed back to the oldest address.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cdktf import TerraformResource
from constructs import IConstruct
from pydantic import Field

from portal.errors import PortalError
from portal.spec.loader import load
from portal.spec.types import Spec
from portal.stacks.base import PortalStack, logical_id

ConstructPath = str


class Move(Spec):
    """A construct that was `origin` and is now `to`, in the stacks whose names match `stacks`."""

    stacks: str
    origin: ConstructPath = Field(alias="from", pattern=r"^[^/]+(/[^/]+)*$")
    to: ConstructPath = Field(pattern=r"^[^/]+(/[^/]+)*$")

    def before(self, path: ConstructPath) -> ConstructPath | None:
        """What `path` was called before this move; None if the move does not concern it."""
        if path == self.to:
            return self.origin
        return self.origin + path[len(self.to) :] if path.startswith(f"{self.to}/") else None


class Moves(Spec):
    """All moves, oldest first."""

    moves: list[Move]


def load_moves() -> list[Move]:
    """Reads `moves.yaml`, which lies beside this file. Raises like `portal.spec.loader.load`."""
    return load(Path(__file__).with_name("moves.yaml"), Moves).moves


def record_moves(stacks: Sequence[PortalStack], moves: Sequence[Move]) -> None:
    """Adds the `moved` blocks to the stacks.

    Raises `PortalError` for a move that concerns no resource: its path is misspelled.
    """
    used: set[int] = set()
    for stack in stacks:
        own = [(index, move) for index, move in enumerate(moves) if fnmatchcase(stack.node.id, move.stacks)]
        blocks = []
        for element in _moved(stack, [move for _, move in own]):
            _, _, path = element.to_string().partition("/")
            for index, move in reversed(own):
                before = move.before(path)
                if before is not None:
                    used.add(index)
                    blocks.append(_block(element.terraform_resource_type, before, path))
                    path = before
        if blocks:
            stack.add_override("moved", sorted(blocks, key=lambda block: (block["to"], block["from"])))
    for index, move in enumerate(moves):
        if index not in used:
            raise PortalError(
                f"constructs/portal/moves.yaml: the move from {move.origin} to {move.to} in {move.stacks} concerns no "
                "resource; `to` must be the path of a construct that exists, or the `from` of a later move."
            )


def _moved(stack: PortalStack, moves: Sequence[Move]) -> set[TerraformResource]:
    """The resources under the constructs that moves lead to. A question to Node each: so not the whole stack's."""
    found: set[TerraformResource] = set()
    for move in moves:
        construct: IConstruct | None = stack
        for part in move.to.split("/"):
            construct = construct and construct.node.try_find_child(part)
        if construct:
            found.update(element for element in construct.node.find_all() if isinstance(element, TerraformResource))
    return found


def _block(type: str, before: ConstructPath, after: ConstructPath) -> dict[str, str]:
    origin, to = (f"{type}.{logical_id(f'stack/{path}')}" for path in (before, after))
    return {"from": origin, "to": to}

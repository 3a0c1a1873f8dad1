"""What all stacks share: readable, permanent addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cdktf import TerraformStack
from constructs import Construct, Node

from portal.errors import PortalError


class PortalStack(TerraformStack):
    """A stack whose Terraform addresses are its construct paths.

    cdktf appends a hash of the path to every id below the first level. Here the parts are joined by `_` and `Default`
    is left out, so that `storage/backups/Default` is `storage_backups`: short in a diff, and permanent as long as the
    path is. Two paths that would give one address are refused: cdktf would merge them in silence. With the fast
    bindings Node gives the same answers without asking, but for the refusal (`quick_constructs.cjs`).
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self._paths: dict[str, str] = {}
        # The oldest that knows every argument used here. Terraform itself says so to whoever has an older one.
        self.add_override("terraform.required_version", ">= 1.11.0")

    def _allocate_logical_id(self, tf_element: Any) -> str:
        # An element, or for an asset's folder only its node.
        node = tf_element if isinstance(tf_element, Node) else tf_element.node
        path = node.path
        id = logical_id(path)
        if self._paths.setdefault(id, path) != path:
            raise AddressCollisionError(f"{COLLISION}{self._paths[id]} and {path} would both be {id}. Rename one.")
        return id


COLLISION = "Two constructs would share a Terraform address: "


class AddressCollisionError(PortalError):
    """Two constructs whose paths join to one Terraform id."""


@contextmanager
def address_collisions() -> Iterator[None]:
    """Around building and synthesizing stacks: raises `AddressCollisionError` as itself.

    jsii carries an error through its Node process as text and brings it back as a RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith(COLLISION):
            raise AddressCollisionError(str(error)) from None
        raise


def logical_id(path: str) -> str:
    """The Terraform id of a construct path: without the stack and every `Default`, joined by `_`."""
    return "_".join(part for part in path.split("/")[1:] if part != "Default")

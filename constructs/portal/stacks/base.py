"""What all stacks share: readable, permanent addresses."""

from typing import Any

from cdktf import TerraformStack

from constructs import Construct, Node
from portal.errors import PortalError


class PortalStack(TerraformStack):
    """A stack whose Terraform addresses are its construct paths.

    cdktf appends a hash of the path to every id below the first level. Here the parts are joined by `_` and `Default`
    is left out, so that `storage/backups/Default` is `storage_backups`: short in a diff, and permanent as long as the
    path is. Two paths that would give one address are refused: cdktf would merge them in silence.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self._paths: dict[str, str] = {}
        # The oldest that knows every argument used here. Terraform itself says so to whoever has an older one.
        self.add_override("terraform.required_version", ">= 1.11.0")

    def _allocate_logical_id(self, tf_element: Any) -> str:
        # cdktf passes an element, or for an asset's folder only the node of it.
        path: str = tf_element.path if isinstance(tf_element, Node) else tf_element.node.path
        id = logical_id(path)
        if self._paths.setdefault(id, path) != path:
            raise AddressCollisionError(id=id, paths=(self._paths[id], path))
        return id


class AddressCollisionError(PortalError):
    """Two constructs whose paths join to one Terraform id."""

    def __init__(self, *, id: str, paths: tuple[str, str]) -> None:
        super().__init__(f"{paths[0]} and {paths[1]} would both be {id} in Terraform; rename one of the constructs.")


def logical_id(path: str) -> str:
    """The Terraform id of a construct path: without the stack and every `Default`, joined by `_`."""
    return "_".join(part for part in path.split("/")[1:] if part != "Default")

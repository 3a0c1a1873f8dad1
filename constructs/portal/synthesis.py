"""What a synthesis wrote: the Terraform JSON of each stack, read back for tables, ledgers and checks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.errors import PortalError

ROOT = Path(__file__).parent.parent.parent
OUTPUT = ROOT / "cdktf.out" / "stacks"


@dataclass(frozen=True, kw_only=True)
class PlannedResource:
    """One resource of a stack's JSON. `path`: the construct that made it, without the stack's name."""

    type: str
    name: str
    path: str
    body: dict[str, Any]

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"

    @property
    def layer(self) -> str:
        """The part of the stack that holds it: the first construct of its path."""
        return self.path.split("/")[0]


def stack_names(folder: Path = OUTPUT) -> list[str]:
    """Names of the stacks that the last synthesis wrote. Raises `PortalError` if there are none."""
    names = sorted(file.parent.name for file in folder.glob("*/cdk.tf.json"))
    if not names:
        raise PortalError(f"{folder} holds no synthesized stack; run `make synth` first.")
    return names


def chosen_stacks(names: list[str], folder: Path = OUTPUT) -> list[str]:
    """`names` if all exist, every stack if it is empty. Raises `PortalError` for a name that no stack has."""
    known = stack_names(folder)
    for name in names:
        if name not in known:
            raise PortalError(f"There is no stack {name}. The stacks are: {', '.join(known)}.")
    return names or known


def read_stack(name: str, folder: Path = OUTPUT) -> dict[str, Any]:
    """The `cdk.tf.json` of a stack. Raises `PortalError` if the last synthesis did not write it, or not to its end."""
    file = folder / name / "cdk.tf.json"
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise PortalError(f"{file} is missing or cannot be read; run `make synth` first.") from None
    return document


def resources(document: dict[str, Any]) -> Iterator[PlannedResource]:
    """Every managed resource of a stack's JSON."""
    for type, by_name in document.get("resource", {}).items():
        for name, body in by_name.items():
            _, _, path = body["//"]["metadata"]["path"].partition("/")
            yield PlannedResource(type=type, name=name, path=path, body=body)

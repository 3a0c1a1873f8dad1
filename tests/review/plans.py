"""What the real `terraform plan` would do to a stack whose earlier form is recorded as applied."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.review.rewrite import TYPE, for_state, recorded_state


class Planned(NamedTuple):
    """`actions`: Terraform's, `("no-op",)` or `("delete", "create")`. `moved_from`: None if it stays where it is."""

    address: str
    actions: tuple[str, ...]
    moved_from: str | None


def plan_actions(document: Mapping[str, Any], *, applied: Mapping[str, Any]) -> list[Planned]:
    """The plan for `document` on the state in which the stack `applied` exists, by address, without any provider."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.tf.json").write_text(json.dumps(for_state(document)), encoding="utf-8")
        (folder / "terraform.tfstate").write_text(json.dumps(recorded_state(applied)), encoding="utf-8")
        _terraform(folder, "init", "-input=false")
        _terraform(folder, "plan", "-input=false", "-out=plan")
        plan = json.loads(_terraform(folder, "show", "-json", "plan"))
    planned = [
        Planned(
            address=_original(change["address"]),
            actions=tuple(change["change"]["actions"]),
            moved_from=_original(change["previous_address"]) if "previous_address" in change else None,
        )
        for change in plan["resource_changes"]
    ]
    return sorted(planned)


def _terraform(folder: Path, *arguments: str) -> str:
    done = subprocess.run(("terraform", *arguments), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"terraform {arguments[0]} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def _original(address: str) -> str:
    """The managed resource that a `terraform_data` stands for. Types have no `__`, names may."""
    return address.removeprefix(f"{TYPE}.").replace("__", ".", 1)

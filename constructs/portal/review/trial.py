"""The forms of a stack in which `terraform test` tries it, and the test files.

Source: Terraform, "Tests - Provider Mocking"; "JSON Configuration Syntax".
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from portal.review.references import BLOCKS, Document

MOCKS = Path(__file__).with_name("mocks.json")

Command = Literal["apply", "plan"]

REAL: Mapping[Command, tuple[str, ...]] = {
    # Terraform refuses to mock a provider whose ephemeral resources are in use.
    "apply": ("random",),
    # These plan what is new without asking a cluster.
    "plan": ("random", "time", "helm", "kubernetes"),
}
"""The providers that work without an account: by command, those that are not mocked."""

NOWHERE = "https://127.0.0.1:1"


def for_apply(document: Document) -> dict[str, Any]:
    """The stack without `prevent_destroy`: a test destroys what it applied."""

    def change(body: Mapping[str, Any]) -> dict[str, Any]:
        lifecycle = {key: value for key, value in body.get("lifecycle", {}).items() if key != "prevent_destroy"}
        return {**_without("lifecycle", body), **({"lifecycle": lifecycle} if lifecycle else {})}

    return _each(document, change)


def for_plan(document: Document) -> dict[str, Any]:
    """The stack without `depends_on`, so that a refused resource hides no other, and away from any real cluster."""
    providers = dict(document.get("provider", {}))
    if any("config_path" in block for block in providers.get("kubernetes", ())):
        providers |= {"kubernetes": [{"host": NOWHERE}], "helm": [{"kubernetes": {"host": NOWHERE}}]}
    return {**_each(document, lambda body: _without("depends_on", body)), "provider": providers}


def test_file(document: Document, command: Command) -> dict[str, Any]:
    """A `tftest.json` with one run of `command`; the providers that are not `REAL` then are mocked."""
    mocked = {
        name: [
            {**_mocks(name, document), **({"alias": block["alias"]} if "alias" in block else {})} for block in blocks
        ]
        for name, blocks in document.get("provider", {}).items()
        if name not in REAL[command]
    }
    # Terraform takes no empty `mock_provider`.
    mocks = {"mock_provider": mocked} if mocked else {}
    return {**mocks, "run": {command: {"command": command}}}


def _mocks(provider: str, document: Document) -> dict[str, Any]:
    """The values of `mocks.json` for the types that the stack uses."""
    used = {"mock_resource": document.get("resource", {}), "mock_data": document.get("data", {})}
    return {
        block: {type: {"defaults": values} for type, values in by_type.items() if type in used[block]}
        for block, by_type in mock_values().get(provider, {}).items()
    }


@cache
def mock_values() -> dict[str, dict[str, dict[str, Any]]]:
    """By provider, `mock_resource` or `mock_data`, and type: values of computed attributes that need a form."""
    values: dict[str, dict[str, dict[str, Any]]] = json.loads(MOCKS.read_text(encoding="utf-8"))
    return values


def _each(document: Document, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The document with each resource, data source and ephemeral resource changed."""
    blocks = {
        block: {
            type: {name: change(body) for name, body in by_name.items()} for type, by_name in document[block].items()
        }
        for block in BLOCKS
        if block in document
    }
    return {**document, **blocks}


def _without(key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}

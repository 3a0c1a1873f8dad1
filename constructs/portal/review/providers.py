"""The providers of all stacks, got once a run from wherever the user's Terraform finds them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.review.references import Document
from portal.review.terraform import Terraform


@dataclass(frozen=True, kw_only=True)
class MissingProvider:
    """A provider that `terraform init` did not get. `reason`: in Terraform's words."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Providers:
    """`folder`: a plugin directory with all that were found. `found`: name -> version."""

    folder: Path
    found: dict[str, str]
    missing: tuple[MissingProvider, ...]

    def lacking(self, document: Document) -> tuple[str, ...]:
        """The providers that a stack needs and that are not there."""
        return tuple(name for name in required(document) if name not in self.found)


def required(document: Document) -> dict[str, dict[str, str]]:
    """The stack's `required_providers`: by local name, `source` and `version`."""
    providers: dict[str, dict[str, str]] = document.get("terraform", {}).get("required_providers", {})
    return providers


def install(terraform: Terraform, documents: Iterable[Document], folder: Path) -> Providers:
    """One `terraform init` for the providers of all stacks; stacks that differ in a version get none of that provider.

    Terraform installs those it finds even when it fails for others, so what is missing shows in the folder.
    """
    wanted: dict[str, dict[str, str]] = {}
    for document in documents:
        for name, provider in required(document).items():
            same = wanted.setdefault(name, dict(provider))
            if provider["version"] not in same["version"].split(", "):
                same["version"] += f", {provider['version']}"
    folder.mkdir()
    configuration = {"terraform": {"required_providers": wanted}}
    (folder / "providers.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
    errors = terraform.init(folder)

    plugins = folder / ".terraform" / "providers"
    # <host>/<namespace>/<name>/<version>
    installed = {path.parent.name: path.name for path in plugins.glob("*/*/*/*")}
    found = {name: installed[_type(source)] for name, source in wanted.items() if _type(source) in installed}
    missing = tuple(
        MissingProvider(name=name, version=source["version"], reason=_reason(errors, _type(source)))
        for name, source in wanted.items()
        if name not in found
    )
    return Providers(folder=plugins, found=found, missing=missing)


def _type(provider: Mapping[str, str]) -> str:
    """The last part of a provider's source address."""
    return provider["source"].split("/")[-1]


def _reason(errors: Sequence[Mapping[str, Any]], type: str) -> str:
    """Terraform's words about one provider, without the advice at their end."""
    details = (error["detail"].split("\n\nTo see which")[0] for error in errors)
    about = next((detail for detail in details if f"/{type}:" in detail), "Terraform gave no reason")
    return " ".join(about.partition(": ")[2].split())

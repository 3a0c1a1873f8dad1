"""`make schema`: writes the JSON Schemas that editors check data files against."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from portal.spec.environment import Environment, LocalEnvironment
from portal.spec.shared import Shared
from portal.spec.types import Spec
from portal.synthesis import ROOT

NAME = "schema"
HELP = "Write the JSON Schemas of the environment files to docs/."
EXAMPLE = "make schema"

SCHEMAS: dict[Path, type[Spec]] = {
    ROOT / "docs" / "environment.schema.json": Environment,
    ROOT / "docs" / "local.schema.json": LocalEnvironment,
    ROOT / "docs" / "shared.schema.json": Shared,
}


def configure(parser: ArgumentParser) -> None:
    """No options."""


def run(options: Namespace) -> int:
    for file, model in SCHEMAS.items():
        file.write_text(render(model), encoding="utf-8")
        print(f"Wrote {file.relative_to(ROOT)}")
    return 0


def render(model: type[Spec]) -> str:
    """The JSON Schema of a model as the file holds it. Cross-field rules are not in it: synthesis checks those."""
    return json.dumps(model.model_json_schema(), indent=2, sort_keys=True) + "\n"

"""Writes the JSON Schema of the file of objectives, for editors: `python -m loadtest.slo`."""

import argparse
import json
from pathlib import Path
from typing import Final

from loadtest.slo.spec import Objectives

SCHEMA: Final = Path(__file__).with_name("slo.schema.json")


def render() -> str:
    return json.dumps(Objectives.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m loadtest.slo", description=__doc__).parse_args()
    SCHEMA.write_text(render())

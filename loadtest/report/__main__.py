"""Writes the JSON Schema of `report.json`, for who reads reports: `python -m loadtest.report`."""

import argparse
import json
from pathlib import Path
from typing import Final

from loadtest.report.document import DOCUMENT, VERSION

SCHEMA: Final = Path(__file__).parents[2] / "docs" / "report.schema.json"


def render() -> str:
    schema = DOCUMENT.json_schema(mode="serialization")
    schema["properties"]["version"] = {"const": VERSION}
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m loadtest.report", description=__doc__).parse_args()
    SCHEMA.write_text(render(), encoding="utf-8")

"""The schema of report.json: current, and a report of everything that there is holds to it.

Reports of real processes are held against it wherever a test reads one (tests/loadtest/conftest.py).
"""

import json

import jsonschema
import pytest

from loadtest.report.__main__ import SCHEMA, render
from loadtest.report.document import DOCUMENT
from tests.loadtest.report.test_page import full


def test_the_schema_is_current() -> None:
    assert SCHEMA.read_text() == render(), "run: make schema"


def test_a_report_of_everything_is_valid_and_reads_back_as_itself() -> None:
    told = DOCUMENT.dump_python(full(), mode="json")
    jsonschema.validate(told, json.loads(render()))
    assert DOCUMENT.validate_json(json.dumps(told)) == full()


@pytest.mark.parametrize(
    ("part", "value"), [("verdict", {"result": "fine"}), ("version", 1), ("limits", None), ("ended", "somehow")]
)
def test_what_is_no_report_is_not_valid(part: str, value: object) -> None:
    told = DOCUMENT.dump_python(full(), mode="json") | {part: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, json.loads(render()))

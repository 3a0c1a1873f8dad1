"""Files of objectives: the default is valid, the schema is current, and mistakes are named."""

from pathlib import Path

import pytest

from loadtest.data_file import BrokenFile
from loadtest.options import DEFAULT_SLO
from loadtest.slo import load
from loadtest.slo.__main__ import SCHEMA, render


def test_the_default_file_is_valid_and_says_something() -> None:
    assert load(DEFAULT_SLO).objectives


def test_the_schema_is_current() -> None:
    assert SCHEMA.read_text() == render(), "run: python -m loadtest.slo"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("objectives: [{name: a}]", "sets no limit"),
        ("objectives: [{name: a, error_ratio: 1.5}]", "objectives.0.error_ratio"),
        ("objectives: [{name: a, error_ratio: 0, for_seconds: 3}]", "need window_seconds"),
        ("objectives: [{name: a, error_ratio: 0, abort: true}]", "need window_seconds"),
        ("objectives: [{name: a, error_ratio: 0}, {name: a, error_ratio: 0}]", "same name: a"),
        ("objectives: [{name: a, latency_ms: {p42: 1}}]", "latency_ms.p42"),
        ("objectives: [{name: a, error_ratio: 0, phases: [steddy]}]", "phases.0"),
        ("version: 2", "version"),
        ("objectives: [", "is not YAML"),
    ],
)
def test_a_mistake_is_named_with_file_and_field(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(text)
    with pytest.raises(BrokenFile) as error:
        load(file)
    assert said in str(error.value)
    assert str(file) in str(error.value)


def test_an_error_ratio_of_zero_is_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text("objectives: [{name: a, error_ratio: 0}]")
    assert load(file).objectives[0].error_ratio == 0

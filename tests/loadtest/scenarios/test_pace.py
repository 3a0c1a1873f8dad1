"""Weights and think times as data: what is wrong is named with its field, value and rule."""

from pathlib import Path

import pytest

from loadtest.data_file import BrokenFile
from loadtest.scenarios.pace import load


def test_the_pace_of_every_journey_is_known() -> None:
    paces = load()
    assert all(pace.think_seconds[0] <= pace.think_seconds[1] for pace in paces.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "journeys: {A: {weight: -1, think_seconds: [1, 2]}}",
            r"journeys\.A\.weight = -1 .*greater than or equal to 0",
        ),
        ("journeys: {A: {weight: 1, think_seconds: [3, 2]}}", "the shortest pause comes first"),
        (
            "journeys: {A: {weight: 1, think_seconds: [1, 2], wieght: 2}}",
            r"journeys\.A\.wieght = 2 .*did you mean weight",
        ),
        ("journeys: {A: {weight: 0, think_seconds: [1, 2]}}", "nobody would visit"),
        ("journeys: [", "is not YAML"),
    ],
)
def test_wrong_data_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "journeys.yaml"
    file.write_text(text)
    with pytest.raises(BrokenFile, match=said):
        load(file)

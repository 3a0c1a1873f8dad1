"""Mistakes in a file are said all at once, each with line, field, value and rule."""

from pathlib import Path

import pytest

from loadtest.autoscaling.session import Watched
from loadtest.data_file import BrokenFile, read
from loadtest.slo.spec import Objectives


def problems(text: str | bytes, folder: Path, model: type[Objectives] | type[Watched] = Objectives) -> str:
    file = folder / "some.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BrokenFile) as broken:
        read(file, model)
    said = str(broken.value)
    assert said.startswith(str(file))
    return said.removeprefix(str(file))


def test_all_of_them_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """
objectives:
  - name: a
    latency_ms: {p95: -1, p42: 7}
    phases: steady
  - name: b
    errorratio: 0.1
    abort: maybe
  - latency_ms: {p95: soon}
  - nothing
"""
    assert problems(text, tmp_path).splitlines() == [
        " is not valid (8 problems):",
        "  line 4    objectives.0.latency_ms.p42 = 7   is not known; there are p50, p95, p99, p99_9",
        "  line 4    objectives.0.latency_ms.p95 = -1   must be greater than 0",
        "  line 5    objectives.0.phases = steady   must be a list",
        "  line 7    objectives.1.errorratio = 0.1   is not known; did you mean error_ratio?",
        "  line 8    objectives.1.abort = maybe   must be a valid boolean, unable to interpret input",
        "  line 9    objectives.2.latency_ms.p95 = soon   must be a valid number, unable to parse string as a number",
        "  line 9    objectives.2.name   is missing",
        "  line 10   objectives.3 = nothing   must be a mapping of keys to values",
        "Nothing was sent.",
    ]


def test_a_key_that_stands_twice_is_refused_for_yaml_keeps_the_last_without_a_word(tmp_path: Path) -> None:
    text = "objectives:\n  - name: a\n    latency_ms: {p95: 100}\n    latency_ms: {p95: 9000}\n"
    (problem,) = problems(text, tmp_path).splitlines()[1:-1]
    assert problem == "  line 4    objectives.0.latency_ms   stands in line 3 already; take one out"


def test_a_rule_about_several_keys_names_where_they_stand(tmp_path: Path) -> None:
    said = problems("namespace: a\nhpa: b\nelasticity: {instability_percent: 2}\n", tmp_path, Watched)
    assert "(1 problem):\n  line 1    (the file)   elasticity needs rps_per_replica" in said


def test_steps_and_gates_that_are_none_are_named_too(tmp_path: Path) -> None:
    text = """
namespace: a
hpa: b
rps_per_replica: 1
elasticity: {instability: 2}
steps: [{replicas: 3, rate_rps: -1, hold_secs: 5}, 7]
"""
    assert problems(text, tmp_path, Watched).splitlines()[1:-1] == [
        "  line 5    elasticity.instability = 2   is not known; did you mean instability_percent?",
        "  line 6    steps.0.hold_seconds   is missing",
        "  line 6    steps.0.hold_secs = 5   is not known; did you mean hold_seconds?",
        "  line 6    steps.0.rate_rps = -1   must be greater than or equal to 0",
        "  line 6    steps.1 = 7   must be a mapping of keys to values",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"name: caf\xe9", " is not text: byte 9 is not UTF-8; save it as UTF-8"),
        (b"a: [", " is not YAML: line 1: expected the node content, but found '<stream end>'"),
        (b"a: \x00", " is not YAML: unacceptable character #x0000"),
        (b"- a", "(the file)   must be a mapping of keys to values"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_in_a_line(text: bytes, said: str, tmp_path: Path) -> None:
    assert said in problems(text, tmp_path)

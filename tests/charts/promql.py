"""What PromQL expressions ask for, which metrics exist, and Prometheus's own tool to check both."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tests.charts.rendering import ROOT, tool

METRICS = ROOT / "tests/data/metrics"

TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
      | (?P<number>\d[\w.]*)
      | (?P<name>[a-zA-Z_:][\w:]*)
      | (?P<mark>[^\s])""",
    re.VERBOSE,
)
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = {"and", "or", "unless", "offset", "bool", "atan2"}

ADDED_BY_PROMETHEUS = {"job", "instance", "namespace", "service", "pod", "container", "endpoint"}
"""Labels that prometheus-operator gives to a target, besides those of the metric."""


@dataclass(frozen=True)
class Selector:
    """A metric that an expression reads, and the labels by which it chooses."""

    metric: str
    labels: frozenset[str]


def selectors(expression: str) -> list[Selector]:
    """Every selector of an expression, in order.

    Raises ValueError at a selector without a metric name: nobody could say whether what it reads exists.
    """
    tokens = [(match.lastgroup or "", match.group()) for match in TOKEN.finditer(expression)] + [("mark", "")]
    found: list[Selector] = []
    place = 0
    while place < len(tokens) - 1:
        (kind, text), after = tokens[place], tokens[place + 1][1]
        if text == "[":
            place = _past(tokens, place, "]")
        elif text == "{":
            raise ValueError(f"a selector without a metric name: {expression}")
        elif kind != "name" or text in WORDS or (after == "(" and text not in GROUPING) or after in ("by", "without"):
            place += 1
        elif text in GROUPING:
            place = _past(tokens, place, ")") if after == "(" else place + 1
        else:
            end = _past(tokens, place, "}") if after == "{" else place + 1
            labels = {
                name
                for (kind, name), (_, then) in pairwise(tokens[place + 1 : end])
                if kind == "name" and then in ("=", "!")
            }
            found.append(Selector(metric=text, labels=frozenset(labels)))
            place = end
    return found


def _past(tokens: Sequence[tuple[str, str]], place: int, closing: str) -> int:
    """The index behind the next `closing` that is no string."""
    return next(index for index in range(place, len(tokens)) if tokens[index] == ("mark", closing)) + 1


@cache
def known_metrics() -> Mapping[str, frozenset[str]]:
    """Every series in tests/data/metrics and its labels; a histogram stands there for its three."""
    known: dict[str, frozenset[str]] = {}
    for file in sorted(METRICS.glob("*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, kind, *rest = line.split()
            labels = frozenset(rest[0].split(",") if rest else ())
            if kind == "histogram":
                known |= {f"{name}_sum": labels, f"{name}_count": labels, f"{name}_bucket": labels | {"le"}}
            else:
                known[name] = labels
    return known


def unknown(expression: str, recorded: Sequence[str] = ()) -> Iterator[str]:
    """Metrics and labels in an expression that nothing exposes. `recorded`: names that recording rules make."""
    for selector in selectors(expression):
        if selector.metric in recorded:
            continue
        if selector.metric not in known_metrics():
            yield selector.metric
            continue
        for label in sorted(selector.labels - known_metrics()[selector.metric] - ADDED_BY_PROMETHEUS):
            yield f"{selector.metric}.{label}"


def promtool(*arguments: str, folder: Path) -> tuple[int, str]:
    """Runs promtool in a folder; its exit code and everything that it printed."""
    result = subprocess.run([tool("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def write_rules(folder: Path, groups: Sequence[Mapping[str, Any]]) -> str:
    """Writes a rules file as Prometheus reads it, and returns its name."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": list(groups)}), encoding="utf-8")
    return "rules.yaml"

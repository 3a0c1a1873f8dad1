"""The project's charts, rendered by the real Helm, for questions in tests."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.errors import PortalError
from portal.kubernetes.own_charts import own_chart
from portal.rendering import find_tool

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests/data/schemas"
KUBERNETES = "1.36.3"
NAMESPACE = "developer-portal"

CHARTS = (
    "alerts",
    "cluster-policies",
    "credentials",
    "dashboards",
    "headroom",
    "internal-ca",
    "loadtest",
    "managed-stores",
    "mesh",
    "metrics-archive",
    "portal",
    "postgres-cluster",
    "redis-failover",
)
SIZES = ("dev", "prod")

Values = Mapping[str, Any]
Object = dict[str, Any]


class Refused(Exception):
    """Helm did not render. The message is Helm's."""


@dataclass(frozen=True)
class Rendered:
    """The objects of one rendering."""

    text: str
    objects: tuple[Object, ...]

    def all(self, kind: str) -> list[Object]:
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> Object:
        found = [object for object in self.all(kind) if name in (None, object["metadata"]["name"])]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
        return found[0]


@cache
def tool(name: str) -> str:
    """A program that `make tools` builds. Missing: skips the test, or fails it where CI is set."""
    try:
        return find_tool(name)
    except PortalError as missing:
        advice = str(missing)
    if os.environ.get("CI"):
        pytest.fail(advice)
    pytest.skip(advice)


def helm(*arguments: str, values: Values) -> str:
    """Runs Helm with `values` on standard input and returns what it prints. Raises `Refused`."""
    result = subprocess.run(
        [tool("helm"), *arguments, "--kube-version", KUBERNETES, "--values", "-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Refused(result.stdout + result.stderr)
    return result.stdout


def render(chart: str, values: Values, *options: str) -> Rendered:
    """What a release of `chart`, named after it, consists of. `options`: more arguments of `helm template`."""
    text = helm("template", chart, str(own_chart(chart)), "--namespace", NAMESPACE, *options, values=values)
    objects = yaml.load_all(text, Loader=yaml.CSafeLoader)
    return Rendered(text=text, objects=tuple(object for object in objects if object))


@cache
def _example(chart: str, size: str) -> str:
    return (Path(__file__).parent / "values" / f"{chart}-{size}.yaml").read_text(encoding="utf-8")


def example(chart: str, size: str) -> dict[str, Any]:
    """Values as an environment of this size passes them. A new copy each time."""
    values: dict[str, Any] = yaml.safe_load(_example(chart, size))
    return values


def changed(values: Values, path: str, value: Any) -> dict[str, Any]:
    """A copy of `values` with another value at the dotted `path`."""
    result = deepcopy(dict(values))
    *parents, last = path.split(".")
    target = result
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value
    return result


def mappings(values: Values, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every mapping in `values`, the outermost first."""
    yield path
    for key, value in values.items():
        if isinstance(value, dict):
            yield from mappings(value, (*path, key))


def conforms(text: str) -> list[dict[str, Any]]:
    """Kubeconform's findings on rendered objects, one entry an object, `status` and `msg` in it.

    Schemas come from this checkout, or from the folders or addresses that KUBECONFORM_SCHEMAS names instead.
    """
    places = (
        "{{.NormalizedKubernetesVersion}}-standalone{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json",
        "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json",
    )
    catalogues = os.environ.get("KUBECONFORM_SCHEMAS", str(SCHEMAS)).split()
    locations = [
        argument for base in catalogues for place in places for argument in ("-schema-location", f"{base}/{place}")
    ]
    result = subprocess.run(
        [tool("kubeconform"), "-strict", "-verbose", "-output", "json", "-kubernetes-version", KUBERNETES, *locations],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    findings: list[dict[str, Any]] = json.loads(result.stdout)["resources"]
    return findings


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Does a label selector select these labels? Knows `matchLabels` and the operators `In` and `DoesNotExist`."""
    holds = {
        "In": lambda expression: labels.get(expression["key"]) in expression["values"],
        "DoesNotExist": lambda expression: expression["key"] not in labels,
    }
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        holds[expression["operator"]](expression) for expression in selector.get("matchExpressions", ())
    )


Flow = tuple[str, str, str]


def flows(policy: Object) -> set[Flow]:
    """A network policy as a set of (direction, peer, protocol/port): what it allows, and nothing besides."""
    spec = policy["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    return {
        (direction, peer, f"{port['protocol']}/{port['port']}")
        for direction, ends in (("ingress", "from"), ("egress", "to"))
        for rule in spec.get(direction, ())
        for end in rule[ends]
        for peer in _peers(end)
        for port in rule["ports"]
    }


def _peers(end: Mapping[str, Any]) -> list[str]:
    """The names of one `from` or `to` entry: label values, `namespace NAME`, or an address range."""
    if "ipBlock" in end:
        excluded = "".join(f" -{cidr}" for cidr in end["ipBlock"].get("except", ()))
        return [end["ipBlock"]["cidr"] + excluded]
    if "namespaceSelector" in end:
        (name,) = end["namespaceSelector"]["matchLabels"].values()
        return [f"namespace {name}"]
    selector = end["podSelector"]
    return [*selector.get("matchLabels", {}).values()] + [
        value for expression in selector.get("matchExpressions", ()) for value in expression["values"]
    ]

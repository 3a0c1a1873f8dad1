"""Values passed to third parties' charts, checked by Helm against what each chart's own schema says."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.charts.rendering import Refused, helm
from tests.conftest import ROOT, StackOf
from tests.kubernetes.test_release import EVERY_STACK, third_party
from tests.synthesized import SynthesizedStack

SCHEMAS = {file.stem: file for file in sorted((ROOT / "tests" / "data" / "charts" / "schemas").glob("*.json"))}

WITHOUT = {
    # Charts that have no values.schema.json: their key tree is all there is to check.
    "aws-load-balancer-controller",
    "base",
    "cluster-autoscaler",
    "cni",
    "istiod",
    "kube-prometheus-stack",
    "prometheus-blackbox-exporter",
    "prometheus-operator-crds",
    "redis-operator",
    "vpa",
}


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each schema a chart that consists of it alone."""
    charts = {}
    for name, schema in SCHEMAS.items():
        folder = charts[name] = tmp_path_factory.mktemp(name)
        (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": name, "version": "1.0.0"}))
        (folder / "values.schema.json").write_text(schema.read_text(encoding="utf-8"))
        (folder / "templates").mkdir()
        (folder / "templates" / "nothing.yaml").touch()
    return charts


@cache
def check(chart: Path, values: str) -> None:
    """Raises `Refused` where the schema does not take the values."""
    helm("template", "schema", str(chart), values=json.loads(values))


def passed(stack: SynthesizedStack, chart: str, **changed: Any) -> str:
    return json.dumps({**stack.values(chart), **changed}, sort_keys=True)


@pytest.mark.parametrize("name", EVERY_STACK)
def test_what_each_stack_passes_is_what_the_charts_schema_takes(
    stack: StackOf, name: str, shells: dict[str, Path]
) -> None:
    for chart in third_party(stack(name)):
        if chart in shells:
            check(shells[chart], passed(stack(name), chart))


def test_of_every_chart_it_is_known_whether_it_has_a_schema(stack: StackOf) -> None:
    charts = {chart for name in EVERY_STACK for chart in third_party(stack(name))}
    assert charts == SCHEMAS.keys() | WITHOUT


@pytest.mark.parametrize(
    ("chart", "key", "value"),
    [
        ("cert-manager", "replicaCuont", 2),
        ("cert-manager", "replicaCount", {}),
        ("cloudnative-pg", "nodeSelector", "system"),
        ("external-secrets", "leaderElect", "yes"),
        ("plugin-barman-cloud", "replicaCount", "two"),
        ("velero", "upgradeCRDs", "true"),
    ],
)
def test_a_value_of_another_form_is_refused_by_name(
    stack: StackOf, shells: dict[str, Path], chart: str, key: str, value: Any
) -> None:
    with pytest.raises(Refused, match=key):
        check(shells[chart], passed(stack("prod-aws"), chart, **{key: value}))


def test_schemas_are_of_the_versions_in_use() -> None:
    for name, schema in SCHEMAS.items():
        version = json.loads((ROOT / "tests" / "data" / "charts" / f"{name}.json").read_text())["version"]
        assert json.loads(schema.read_text())["$comment"] == f"{name} {version}"

"""Helm releases: how each is made, and that what it is told has a place in its chart."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from cdktf import App, TerraformVariable

from portal.app import stacks
from portal.helm_values import merged
from portal.kubernetes.release import encode_values
from portal.spec.loader import Environments, load_environments
from portal.spec.versions import Versions, load_versions
from portal.spec.workloads import ChartName, ChartOverride
from portal.stacks.base import PortalStack
from tests.conftest import ROOT, StackOf
from tests.synthesized import SynthesizedStack, helm_values

ALL_STACKS = tuple(stacks(load_environments(ROOT / "environments"), load_versions()))
EVERY_STACK = tuple(name for name in ALL_STACKS if not name.startswith(("bootstrap-", "shared-")))
"""Those with a cluster."""

THIRD_PARTY = tuple(load_versions().charts.releases)

EVERYWHERE = {
    "cert-manager",
    "cloudnative-pg",
    "cluster-policies",
    "credentials",
    "external-secrets",
    "internal-ca",
    "kube-prometheus-stack",
    "portal",
    "postgres-cluster",
    "prometheus-operator-crds",
    "redis-failover",
    "redis-operator",
}
ON_ONE_CLOUD: dict[str, set[str]] = {
    "aws": {"aws-load-balancer-controller", "cluster-autoscaler", "vpa"},
    "gcp": set(),
    "azure": set(),
    "local": {"vpa"},
}


MESH = {"gateway", "mesh"}
OWN_MESH = MESH | {"base", "istiod", "cni"}
"""Where the cloud does not run the control plane."""
OF_MESH: dict[str, set[str]] = {"aws": OWN_MESH, "gcp": MESH, "azure": OWN_MESH, "local": set()}


def third_party(stack: SynthesizedStack) -> list[str]:
    """Releases of charts that are not ours."""
    return sorted(name for name, release in stack.releases.items() if not release["chart"].startswith("assets/"))


def paths(values: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield from paths(value, (*place, key)) if isinstance(value, Mapping) and value else [(*place, key)]


def has_place(path: tuple[str, ...], chart: Mapping[str, Any]) -> bool:
    """Whether the chart's defaults know the path, or leave one of its ancestors open."""
    node: Any = chart["keys"]
    if any(".".join(path[:length]) in chart.get("free", ()) for length in range(1, len(path))):
        return True
    for key in path:
        if node == "open":
            return True
        if not isinstance(node, Mapping) or key not in node:
            return any(".".join(path[:end]) in chart["template_only"] for end in range(1, len(path) + 1))
        node = node[key]
    return True


def key_tree(name: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((ROOT / "tests" / "data" / "charts" / f"{name}.json").read_text())
    return tree


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_value_path_exists_in_the_chart(stack: StackOf, name: str) -> None:
    for chart in third_party(stack(name)):
        tree = key_tree(chart)
        lost = [".".join(path) for path in paths(stack(name).values(chart)) if not has_place(path, tree)]
        assert lost == [], chart


def test_a_value_without_a_place_is_noticed() -> None:
    assert not has_place(("replicaCuont",), key_tree("cloudnative-pg"))
    assert not has_place(("prometheus", "prometheusSpec", "retenton"), key_tree("kube-prometheus-stack"))


def test_key_trees_are_of_the_versions_in_use(versions: Versions) -> None:
    for name, chart in versions.charts.releases.items():
        assert key_tree(name)["version"] == chart.version


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_releases_are_those_of_every_cluster_and_of_this_cloud(stack: StackOf, name: str) -> None:
    beyond_dev = (
        set() if name.startswith(("dev", "local")) else {"alerts", "dashboards", "plugin-barman-cloud", "velero"}
    )
    enterprise = {"metrics-archive", "prometheus-blackbox-exporter", "headroom"} if name.startswith("prod") else set()
    cloud = name.rpartition("-")[2]
    managed = {"managed-stores"} if name in ("staging-aws", "prod-aws") else set()
    expected = managed | EVERYWHERE | ON_ONE_CLOUD[cloud] | OF_MESH[cloud] | beyond_dev | enterprise
    assert set(stack(name).releases) == expected


@pytest.mark.parametrize("name", EVERY_STACK)
def test_third_party_charts_are_pinned_and_own_charts_travel_with_the_stack(
    stack: StackOf, name: str, versions: Versions
) -> None:
    synthesized = stack(name)
    for release, resource in synthesized.releases.items():
        if release in versions.charts.releases:
            assert resource["version"] == versions.charts.releases[release].version
            assert resource["repository"] == versions.charts.releases[release].repository
        else:
            assert resource["chart"].startswith("assets/")
            chart = synthesized.file.parent / resource["chart"]
            assert (chart / "Chart.yaml").is_file()


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_failed_install_is_rolled_back_unless_that_would_delete_data(stack: StackOf, name: str) -> None:
    kept = {release for release, resource in stack(name).releases.items() if not resource["atomic"]}
    assert kept == {"postgres-cluster", "redis-failover", "kube-prometheus-stack"}
    for resource in stack(name).releases.values():
        assert resource["timeout"] >= 600
        assert resource["wait"] is True
        assert resource["wait_for_jobs"] is True, "or a failed migration or webhook job counts as installed"
        assert resource["max_history"] > 0, "or every release leaves a Secret for ever"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_plan_holds_values_against_the_schemas_of_own_charts(stack: StackOf, name: str) -> None:
    linted = {release for release, resource in stack(name).releases.items() if resource["lint"]}
    assert linted == stack(name).releases.keys() - set(third_party(stack(name)))


def test_a_mirror_takes_the_place_of_every_repository(versions: Versions) -> None:
    mirrored = versions.charts.model_copy(update={"mirror": "oci://mirror.example.com/charts"})
    assert {mirrored.repository_of(name) for name in mirrored.releases} == {"oci://mirror.example.com/charts"}


def test_literal_dollar_braces_stay_literal() -> None:
    values = {"query": 'rate(x{a="${HOST}"}[5m])', "if": "%{if true}", "plain": 'say "yes"\nand no', "list": ["${X}"]}
    (text,) = encode_values(values)
    assert "$${HOST}" in text
    assert "%%{if true}" in text
    assert text.count("${") == text.count("$${") == 2, "in lists too"
    assert helm_values([text]) == values


def test_a_reference_is_encoded_by_terraform(tmp_path: Any) -> None:
    stack = PortalStack(App(outdir=str(tmp_path)), "references")
    variable = TerraformVariable(stack, "name", type="string")
    values = {"db": {"host": variable.string_value, "port": 5432}, "list": [variable.string_value]}
    stack.add_override("output.values.value", encode_values(values))
    stack.node.root.synth()  # type: ignore[attr-defined]
    document = json.loads((tmp_path / "stacks" / "references" / "cdk.tf.json").read_text())
    known, later = document["output"]["values"]["value"]
    unknown = "known-after-apply"
    assert json.loads(known) == {"db": {"host": unknown, "port": 5432}, "list": [unknown]}, (
        "what a plan knows lacks nothing that a chart demands"
    )
    assert '"host": ${jsonencode(var.name)}' in later
    assert helm_values([known, later]) == {"db": {"host": "<var.name>", "port": 5432}, "list": ["<var.name>"]}


def test_every_chart_that_data_may_override_is_installed_somewhere(stack: StackOf) -> None:
    installed = {release for name in EVERY_STACK for release in stack(name).releases}
    # No committed environment asks for a load test; tests/kubernetes/test_load_test.py does.
    assert set(get_args(ChartName)) == installed | {"loadtest"}


def test_an_override_in_the_data_changes_that_release_alone(
    stack: StackOf, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    override = ChartOverride(reason="a test of the override", values={"replicaCount": 3})
    local = environments.local.model_copy(update={"charts": {"cloudnative-pg": override}})
    app = App(outdir=str(tmp_path))
    stacks(environments.model_copy(update={"local": local}), versions)["local"](app)
    app.synth()
    changed = SynthesizedStack(tmp_path / "stacks" / "local" / "cdk.tf.json")
    assert changed.values("cloudnative-pg")["replicaCount"] == 3
    before, after = stack("local").resources, changed.resources
    different = {address for address in before if before[address].body != after[address].body}
    assert different == {"helm_release.platform_database-operator"}


def test_overrides_win_key_by_key_and_replace_lists() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merged(base, {"a": {"c": [3]}, "e": 2}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": 2}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}

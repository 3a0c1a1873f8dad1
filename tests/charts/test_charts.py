"""What holds for every chart of the project, and between them."""

import re
from collections.abc import Iterator, Set
from functools import cache, reduce
from typing import Any

import pytest
import yaml

from portal.kubernetes.own_charts import FOLDER, own_chart
from tests.charts.rendering import (
    CHARTS,
    NAMESPACE,
    SIZES,
    Refused,
    Rendered,
    changed,
    conforms,
    example,
    flows,
    helm,
    mappings,
    matches,
    render,
)

each_chart = pytest.mark.parametrize("chart", CHARTS)
each_size = pytest.mark.parametrize("size", SIZES)

OPTIONAL = {
    "storage.class",
    "priorityClass",
    "backup",
    "pooler",
    "backup.credentials.s3Credentials",
    # Of the mesh: only where the cloud does not run it, and only where pods join a target group.
    "controlPlane",
    "targetGroup",
}

LABELS = {("nodeSelector",), ("gateway", "selector"), ("cache", "operator", "labels")}
"""Values whose keys are anybody's."""


def defaults(chart: str) -> dict[str, Any]:
    """The values that a chart brings; none where its file only says that there are none."""
    return yaml.safe_load((own_chart(chart) / "values.yaml").read_text(encoding="utf-8")) or {}


@cache
def rendered(chart: str, size: str) -> Rendered:
    return render(chart, example(chart, size))


@each_chart
@each_size
def test_helm_finds_nothing_to_complain_about(chart: str, size: str) -> None:
    helm("lint", str(own_chart(chart)), "--strict", values=example(chart, size))


@each_chart
@each_size
def test_every_object_has_the_form_that_its_api_demands(chart: str, size: str) -> None:
    findings = conforms(rendered(chart, size).text)
    assert [finding for finding in findings if finding["status"] != "statusValid"] == []
    assert len(findings) == len(rendered(chart, size).objects) > 0


@each_chart
def test_an_unknown_field_of_any_object_would_be_seen(chart: str) -> None:
    for object in rendered(chart, "prod").objects:
        inner = next(key for key in ("spec", "metadata") if key in object)
        (finding,) = conforms(yaml.safe_dump(changed(object, f"{inner}.surprise", "x")))
        assert "surprise" in finding["msg"], object["kind"]


@each_chart
def test_every_object_says_what_it_belongs_to(chart: str) -> None:
    for object in rendered(chart, "prod").objects:
        labels = object["metadata"]["labels"]
        for label in ("name", "instance", "part-of", "managed-by"):
            assert labels[f"app.kubernetes.io/{label}"], (object["kind"], label)


@each_chart
def test_the_release_decides_the_namespace_unless_the_values_do(chart: str) -> None:
    named = set(namespaces(example(chart, "prod")))
    found = {object["metadata"].get("namespace", NAMESPACE) for object in rendered(chart, "prod").objects}
    assert found <= {NAMESPACE, *named}


def namespaces(values: Any) -> Iterator[str]:
    """Every namespace that values name."""
    if isinstance(values, list):
        for value in values:
            yield from namespaces(value)
    elif isinstance(values, dict):
        for key, value in values.items():
            if key.lower().endswith("namespace"):
                yield value
            elif key == "namespaces":
                yield from value
            else:
                yield from namespaces(value)


@each_chart
def test_an_unknown_value_is_refused_wherever_it_stands(chart: str) -> None:
    values = example(chart, "prod")
    places = [path for path in mappings(values) if path not in LABELS]
    everywhere = reduce(lambda changing, path: changed(changing, ".".join((*path, "surprise")), "x"), places, values)
    seen = refused_at(chart, everywhere)
    for path in places:
        assert path in seen or path in refused_at(chart, changed(values, ".".join((*path, "surprise")), "x")), path


def refused_at(chart: str, values: dict[str, Any]) -> set[tuple[str, ...]]:
    """The mappings in which Helm finds the value `surprise` and does not know it."""
    with pytest.raises(Refused) as refused:
        render(chart, values)
    found = re.findall(r"at '/?(.*?)': additional properties 'surprise' not allowed", str(refused.value))
    return {tuple(place.split("/")) if place else () for place in found}


@each_chart
def test_a_value_without_default_is_demanded_by_name(chart: str) -> None:
    values = example(chart, "prod")
    for parent in mappings(values):
        paths = {key: (*parent, key) for key in _at(values, parent)} if parent not in LABELS else {}
        demanded = {
            key for key, path in paths.items() if path[0] not in defaults(chart) and ".".join(path) not in OPTIONAL
        }
        # Helm names all that are missing at once, but not those that depend on another one's value.
        missing = missed(chart, _without(values, parent, demanded)) if demanded else set()
        for key in demanded - missing:
            assert key in missed(chart, _without(values, parent, {key})), (*parent, key)


def missed(chart: str, values: dict[str, Any]) -> set[str]:
    """The values that Helm says are missing."""
    with pytest.raises(Refused) as refused:
        render(chart, values)
    lines = re.findall(r"missing propert\w+ (.*)", str(refused.value))
    return {name for line in lines for name in re.findall(r"'(\w+)'", line)}


BAD_VALUES = [
    ("portal", "frontend.image", "registry.example.com/portal/frontend:1.2.3"),
    ("portal", "backend.image", "registry.example.com/portal/backend@sha256:0b63"),
    ("portal", "backend.image", "registry.example.com/portal/backend"),
    ("portal", "domain", "https://portal.example.com"),
    ("portal", "frontend.replicas.min", 0),
    ("portal", "backend.replicas.max", "6"),
    ("portal", "backend.resources.memory", "4G"),
    ("portal", "frontend.resources.cpu", 2),
    ("portal", "network.dnsCidrs", ["169.254.20.10"]),
    ("portal", "network.backendToInternet", "no"),
    ("portal", "shutdown.drainSeconds", 0),
    ("portal", "nodeSelector.workload-type", 1),
    ("postgres-cluster", "instances", 2),
    ("postgres-cluster", "image", "ghcr.io/cloudnative-pg/postgresql"),
    ("postgres-cluster", "image", "ghcr.io/cloudnative-pg/postgresql:latest"),
    ("postgres-cluster", "storage.size", 500),
    ("postgres-cluster", "storage.class", ""),
    ("postgres-cluster", "resources.limits.cpu", "four"),
    ("postgres-cluster", "network.clients", []),
    ("postgres-cluster", "network.apiServer.ports", [0]),
    ("cluster-policies", "action", "Audit"),
    ("cluster-policies", "namespaces", []),
    ("cluster-policies", "hostPathNamespaces", "node-agents"),
    ("cluster-policies", "images.namespaces", ["Portal"]),
    ("cluster-policies", "images.byDigest", ["registry.example.com/portal/backend@sha256:0b63"]),
    ("cluster-policies", "images.trusted", ["quay.io/opstree"]),
    ("cluster-policies", "priorities", [{"name": "system-own", "value": 1, "description": "x"}]),
    ("cluster-policies", "priorities", [{"name": "own", "value": 2_000_000_000, "description": "x"}]),
    ("credentials", "keep", "yes"),
    ("credentials", "secrets", []),
    ("credentials", "secrets", [{"name": "one", "namespace": "two"}]),
    ("credentials", "secrets", [{"name": "one", "namespace": "two", "passwordKey": "a/b"}]),
    ("credentials", "secrets", [{"name": "one", "namespace": "two", "passwordKey": "a", "fixed": {"b": "{{ .x }}"}}]),
    ("credentials", "store.provider", {"vault": {"server": "https://vault.example.com"}}),
    ("credentials", "store.namespaces", []),
    ("credentials", "fetched", [{"name": "one", "namespace": "two", "remote": "a/b"}]),
    ("headroom", "pods", 0),
    ("headroom", "image", "registry.k8s.io/pause:3.10"),
    ("headroom", "resources.cpu", 2),
    ("headroom", "priorityClass", ""),
    ("internal-ca", "issuer", "Internal CA"),
    ("internal-ca", "duration", "10y"),
    ("loadtest", "image", "registry.example.com/portal/loadtest:1.0"),
    ("loadtest", "host", "portal.example.com"),
    ("loadtest", "workers", 0),
    ("loadtest", "arguments", "--profile smoke"),
    ("loadtest", "autoscaler.steps", []),
    ("loadtest", "autoscaler.calibration", {"rate_rps": 0}),
    ("loadtest", "autoscaler.calibration", {"config_map": "Report"}),
    ("loadtest", "autoscaler.calibration", {"rate_rps": 5, "climb": []}),
    ("loadtest", "autoscaler.calibration", {"rate_rps": 5, "hold_seconds": 0}),
    ("loadtest", "autoscaler.calibration", {"rate_rps": 5, "surprise": 1}),
    ("loadtest", "token.namespace", "Portal"),
    ("managed-stores", "image", "ghcr.io/cloudnative-pg/postgresql:latest"),
    ("managed-stores", "databases", [{"store": "backstage-db"}]),
    ("managed-stores", "caches", [{"store": "backstage-cache"}]),
    ("managed-stores", "network.dnsCidrs", ["kube-dns"]),
    ("mesh", "namespaces", []),
    ("mesh", "gateway.port", 443),
    ("mesh", "portal.domain", "https://portal.example.com"),
    ("mesh", "cache.operator.labels", {}),
    ("mesh", "controlPlane.namespace", "Istio"),
    ("mesh", "timeoutSeconds", "60s"),
    ("metrics-archive", "image", "quay.io/thanos/thanos:latest"),
    ("metrics-archive", "objects.type", "FILESYSTEM"),
    ("metrics-archive", "objects.config.aws_sdk_auth", False),
    ("metrics-archive", "replicas", 0),
    ("metrics-archive", "retentionDays.raw", 10),
    ("metrics-archive", "storage.size", 200),
    ("metrics-archive", "priorityClass", ""),
    ("redis-failover", "redis.replicas", 2),
    ("redis-failover", "sentinel.replicas", 5),
    ("redis-failover", "redis.image", "quay.io/opstree/redis:latest"),
    ("redis-failover", "exporter.resources.requests.memory", "64"),
    ("redis-failover", "maxMemoryPolicy", "lru"),
    ("redis-failover", "storage.keepAfterDelete", "yes"),
    ("redis-failover", "secret.name", "Redis"),
    ("redis-failover", "priorityClass", ""),
]


@pytest.mark.parametrize(("chart", "path", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_by_name(chart: str, path: str, value: Any) -> None:
    with pytest.raises(Refused, match=rf"'/{path.replace('.', '/')}[/']"):
        render(chart, changed(example(chart, "prod"), path, value))


def test_every_chart_that_takes_values_refuses_some_here() -> None:
    """Those of chart alerts are in its own tests."""
    assert {chart for chart in CHARTS if example(chart, "prod")} == {chart for chart, _, _ in BAD_VALUES} | {"alerts"}


def test_no_chart_is_left_out() -> None:
    assert set(CHARTS) == {chart.parent.name for chart in FOLDER.glob("*/Chart.yaml")}


@each_chart
def test_the_readme_names_every_value(chart: str) -> None:
    readme = (own_chart(chart) / "README.md").read_text(encoding="utf-8")
    named = {
        # `token.{name,key}` stands for two.
        name + last
        for cell in re.findall(r"^\|([^|]*)\|", readme, re.MULTILINE)
        for name, several in re.findall(r"`([\w.]+)(?:\{([\w,]+)\})?`", cell)
        for last in several.split(",")
    }
    # The example says what is in those that have no default.
    values = defaults(chart) | example(chart, "prod")
    leaves = {
        ".".join((*parent, key))
        for parent in mappings(values)
        if parent not in LABELS
        for key, value in _at(values, parent).items()
        if not isinstance(value, dict) or (*parent, key) in LABELS
    }
    assert {leaf for leaf in leaves if not _documented(leaf, named)} == set()


@each_size
def test_the_portal_uses_what_the_data_charts_make(size: str) -> None:
    values = example("portal", size)
    redis, postgres = rendered("redis-failover", size), rendered("postgres-cluster", size)

    cache = values["caches"]["portal"]
    password = example("redis-failover", size)["secret"]
    assert cache["password"] == {"secret": password["name"], "key": password["key"]}
    replication = redis.one("RedisReplication")["metadata"]["name"]
    assert (cache["host"], cache["app"]) == (f"{replication}-master", replication)

    cluster = postgres.one("Cluster")["metadata"]["name"]
    poolers = [pooler["metadata"]["name"] for pooler in postgres.all("Pooler")]
    database = values["databases"]["portal"]
    initial = postgres.one("Cluster")["spec"]["bootstrap"]
    initial = initial.get("initdb") or initial["recovery"]
    assert (database["name"], database["user"]) == (initial["database"], initial["owner"])
    assert database["host"] == (poolers[0] if poolers else f"{cluster}-rw")
    assert database["cluster"] == cluster
    assert database["password"] == {"secret": f"{cluster}-app", "key": "password"}


def test_backstages_database_inside_the_cluster_is_its_own_on_the_same_server() -> None:
    database = rendered("postgres-cluster", "dev").one("Database")["spec"]
    backstage = example("portal", "dev")["databases"]["backstage"]
    assert (database["name"], database["owner"]) == (backstage["name"], backstage["user"])
    assert database["databaseReclaimPolicy"] == "retain"
    assert backstage["name"] != example("portal", "dev")["databases"]["portal"]["name"]


@each_size
def test_what_the_backend_may_send_its_stores_may_receive(size: str) -> None:
    backend = rendered("portal", size).one("NetworkPolicy", "backstage-backend")
    for store in ("postgres-cluster", "redis-failover"):
        policy = rendered(store, size).one("NetworkPolicy", store)
        sent = {port for direction, peer, port in flows(backend) if direction == "egress" and peer == store}
        received = {port for way, peer, port in flows(policy) if way == "ingress" and peer == "backstage-backend"}
        assert sent == received != set()


@each_size
def test_prometheus_may_read_what_the_monitors_name(size: str) -> None:
    """The exporters' ports are the operators': 9187 of CloudNativePG, 9121 of the Redis operator."""
    for store, labels, port in (
        ("postgres-cluster", {"cnpg.io/cluster": "postgres-cluster", "cnpg.io/podRole": "instance"}, "TCP/9187"),
        ("redis-failover", {"app": "redis-failover"}, "TCP/9121"),
    ):
        monitor, policy = (
            rendered(store, size).one("PodMonitor", store),
            rendered(store, size).one("NetworkPolicy", store),
        )
        assert monitor["metadata"]["labels"]["team"] == "platform"
        assert matches(monitor["spec"]["selector"], labels)
        assert matches(policy["spec"]["podSelector"], labels)
        assert ("ingress", "namespace monitoring", port) in flows(policy)


def _at(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        values = values[key]
    return values


def _without(values: dict[str, Any], parent: tuple[str, ...], keys: Set[str]) -> dict[str, Any]:
    remaining = {key: value for key, value in _at(values, parent).items() if key not in keys}
    return changed(values, ".".join(parent), remaining) if parent else remaining


def _documented(leaf: str, named: set[str]) -> bool:
    """A table row may stand for a whole mapping: `frontend.resources` for its cpu and memory."""
    parts = leaf.split(".")
    return any(".".join(parts[:length]) in named for length in range(1, len(parts) + 1))

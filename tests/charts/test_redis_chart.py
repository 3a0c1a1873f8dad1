"""How Redis and Sentinel run."""

from functools import cache
from typing import Any

import pytest

from tests.charts.rendering import Rendered, changed, example, flows, matches, render

PARTS = {"redis": "redis-failover", "sentinel": "redis-failover-s"}
"""Servers and Sentinel, and the value of the label `app` that the operator puts on their pods."""

each_part = pytest.mark.parametrize("part", PARTS)


@cache
def redis(size: str) -> Rendered:
    return render("redis-failover", example("redis-failover", size))


def spec(rendered: Rendered, part: str = "redis") -> dict[str, Any]:
    """The fields of the resource that are about servers, or about Sentinel."""
    found: dict[str, Any] = rendered.one("RedisReplication")["spec"]
    return found if part == "redis" else found["sentinel"]


@pytest.mark.parametrize(("size", "count"), [("dev", 1), ("prod", 3)])
def test_as_many_sentinels_as_servers_so_that_a_majority_survives(size: str, count: int) -> None:
    assert (spec(redis(size))["clusterSize"], spec(redis(size), "sentinel")["size"]) == (count, count)


def test_sentinel_is_not_a_resource_of_its_own() -> None:
    """The controller of that one resets Sentinel at every look."""
    assert redis("prod").all("RedisSentinel") == []


@each_part
def test_three_pods_are_in_three_zones(part: str) -> None:
    (constraint,) = spec(redis("prod"), part)["topologySpreadConstraints"]
    assert (constraint["topologyKey"], constraint["whenUnsatisfiable"]) == (
        "topology.kubernetes.io/zone",
        "DoNotSchedule",
    )
    assert matches(constraint["labelSelector"], {"app": PARTS[part]})


def test_pods_are_drained_one_by_one() -> None:
    """The operator makes a budget for the servers, the chart one for Sentinel."""
    assert spec(redis("prod"))["pdb"] == {"enabled": True, "maxUnavailable": 1}
    budget = redis("prod").one("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert matches(budget["selector"], {"app": "redis-failover-s"})
    assert not matches(budget["selector"], {"app": "redis-failover"})


def test_a_single_pod_blocks_no_drain() -> None:
    assert "pdb" not in spec(redis("dev"))
    assert redis("dev").all("PodDisruptionBudget") == []
    for part in PARTS:
        assert "topologySpreadConstraints" not in spec(redis("dev"), part)


def test_servers_ask_for_the_password() -> None:
    assert spec(redis("prod"))["kubernetesConfig"]["redisSecret"] == example("redis-failover", "prod")["secret"]


def test_pods_join_the_mesh_by_a_label_that_the_operator_copies() -> None:
    joins = {size: redis(size).one("RedisReplication")["metadata"]["labels"] for size in ("dev", "prod")}
    assert joins["prod"]["sidecar.istio.io/inject"] == "true"
    assert "sidecar.istio.io/inject" not in joins["dev"]


def test_the_chart_makes_no_password() -> None:
    assert redis("prod").all("Secret") == []


def test_volumes_outlive_the_release_where_they_should() -> None:
    for size, keep in (("prod", True), ("dev", False)):
        assert spec(redis(size))["storage"]["keepAfterDelete"] is keep


@each_part
def test_pods_have_the_priority_that_is_named(part: str) -> None:
    assert spec(redis("prod"), part)["priorityClassName"] == "portal-data"
    assert "priorityClassName" not in spec(redis("dev"), part)


def test_the_volume_has_the_size_and_class_that_are_named() -> None:
    prod, dev = (spec(redis(s))["storage"]["volumeClaimTemplate"]["spec"] for s in ("prod", "dev"))
    assert (prod["resources"]["requests"]["storage"], prod["storageClassName"]) == ("50Gi", "fast-ssd")
    assert dev["resources"]["requests"]["storage"] == "10Gi"
    assert "storageClassName" not in dev


@pytest.mark.parametrize("size", ["dev", "prod"])
@each_part
def test_pods_pass_the_restricted_level(part: str, size: str) -> None:
    """The operator sets nothing itself; its own init container takes the context of the one that is not enabled."""
    resource = spec(redis(size), part)
    assert resource["podSecurityContext"]["runAsNonRoot"] is True
    assert resource["podSecurityContext"]["runAsUser"] > 0
    assert resource["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert resource["securityContext"]["allowPrivilegeEscalation"] is False
    assert resource["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_containers_that_the_operator_adds_pass_it_too() -> None:
    servers = spec(redis("prod"))
    assert servers["initContainer"]["enabled"] is False
    for added in (servers["initContainer"], servers["redisExporter"]):
        assert added["securityContext"]["allowPrivilegeEscalation"] is False
        assert added["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@each_part
def test_pods_get_no_token(part: str) -> None:
    account = redis("prod").one("ServiceAccount", spec(redis("prod"), part)["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("size", ["dev", "prod"])
def test_every_container_has_the_image_and_size_of_the_environment(size: str) -> None:
    values = example("redis-failover", size)
    servers, sentinel = spec(redis(size)), spec(redis(size), "sentinel")
    for part, asked in ((servers["kubernetesConfig"], "redis"), (sentinel, "sentinel")):
        assert (part["image"], part["resources"]) == (values[asked]["image"], values[asked]["resources"])
    assert servers["redisExporter"]["enabled"] is True
    assert servers["redisExporter"]["image"] == values["exporter"]["image"]
    assert servers["redisExporter"]["resources"] == values["exporter"]["resources"]


@pytest.mark.parametrize(("limit", "memory"), [("4Gi", "3072mb"), ("512Mi", "384mb")])
def test_redis_leaves_a_quarter_of_its_limit_to_copies_and_buffers(limit: str, memory: str) -> None:
    rendered = render(
        "redis-failover", changed(example("redis-failover", "prod"), "redis.resources.limits.memory", limit)
    )
    name = spec(rendered)["redisConfig"]["additionalRedisConfig"]
    lines = rendered.one("ConfigMap", name)["data"]["redis-additional.conf"].splitlines()
    assert {f"maxmemory {memory}", "maxmemory-policy allkeys-lru"} <= set(lines)


def test_a_changed_configuration_restarts_redis() -> None:
    after = render("redis-failover", changed(example("redis-failover", "prod"), "maxMemoryPolicy", "noeviction"))
    before = redis("prod")
    assert after.one("RedisReplication")["metadata"] != before.one("RedisReplication")["metadata"]


def test_labels_that_the_operator_copies_never_change_and_replace_none_of_its_own() -> None:
    copied = redis("prod").one("RedisReplication")["metadata"]["labels"]
    assert not {"app", "role", "redis_setup_type", "helm.sh/chart", "app.kubernetes.io/version"} & copied.keys()


@each_part
def test_pods_choose_nodes_only_where_nodes_are_labelled(part: str) -> None:
    assert spec(redis("prod"), part)["nodeSelector"] == {"workload-type": "memory-intensive"}
    assert "nodeSelector" not in spec(redis("dev"), part)


@each_part
def test_pods_tolerate_that_their_nodes_are_kept_for_them(part: str) -> None:
    assert [each["value"] for each in spec(redis("prod"), part)["tolerations"]] == ["memory-intensive"]
    assert "tolerations" not in spec(redis("dev"), part)


DNS = {
    ("egress", resolver, f"{protocol}/53")
    for resolver in ("namespace kube-system", "169.254.20.10/32")
    for protocol in ("TCP", "UDP")
}


def test_servers_talk_to_what_they_need_only() -> None:
    callers = ("backstage-backend", "namespace redis-operator", "redis-failover", "redis-failover-s")
    assert flows(redis("prod").one("NetworkPolicy", "redis-failover")) == {
        *(("ingress", peer, "TCP/6379") for peer in callers),
        ("ingress", "namespace monitoring", "TCP/9121"),
        ("egress", "redis-failover", "TCP/6379"),
        *DNS,
    }


def test_sentinel_which_has_no_password_is_reached_by_itself_and_the_operator_only() -> None:
    assert flows(redis("prod").one("NetworkPolicy", "redis-failover-s")) == {
        ("ingress", "namespace redis-operator", "TCP/26379"),
        ("ingress", "redis-failover-s", "TCP/26379"),
        ("egress", "redis-failover-s", "TCP/26379"),
        ("egress", "redis-failover", "TCP/6379"),
        *DNS,
    }

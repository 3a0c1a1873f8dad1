"""How Redis and Sentinel run."""

from functools import cache
from typing import Any

import pytest

from tests.charts.rendering import Rendered, changed, example, flows, matches, render

KINDS = {"RedisReplication": "redis-failover", "RedisSentinel": "redis-failover-sentinel"}
"""Each resource, and the value of the label `app` that the operator puts on its pods."""

each_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def redis(size: str) -> Rendered:
    return render("redis-failover", example("redis-failover", size))


def spec(rendered: Rendered, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = rendered.one(kind)["spec"]
    return found


@pytest.mark.parametrize(("size", "count", "quorum"), [("dev", 1, "1"), ("prod", 3, "2")])
def test_sentinel_decides_by_majority(size: str, count: int, quorum: str) -> None:
    sentinel = spec(redis(size), "RedisSentinel")
    assert sentinel["clusterSize"] == count
    assert sentinel["redisSentinelConfig"]["quorum"] == quorum


@each_kind
def test_three_pods_are_in_three_zones_and_drained_one_by_one(kind: str) -> None:
    prod = spec(redis("prod"), kind)
    (constraint,) = prod["topologySpreadConstraints"]
    assert prod["pdb"] == {"enabled": True, "maxUnavailable": 1}
    assert (constraint["topologyKey"], constraint["whenUnsatisfiable"]) == (
        "topology.kubernetes.io/zone",
        "DoNotSchedule",
    )
    assert matches(constraint["labelSelector"], {"app": KINDS[kind]})


@each_kind
def test_a_single_pod_blocks_no_drain(kind: str) -> None:
    assert not {"pdb", "topologySpreadConstraints"} & spec(redis("dev"), kind).keys()


def test_sentinel_watches_the_replication_with_its_password() -> None:
    replication, sentinel = redis("prod").one("RedisReplication"), spec(redis("prod"), "RedisSentinel")
    reference = example("redis-failover", "prod")["secret"]
    watched = sentinel["redisSentinelConfig"]
    assert watched["redisReplicationName"] == replication["metadata"]["name"]
    assert watched["redisReplicationPassword"]["secretKeyRef"] == reference
    assert replication["spec"]["kubernetesConfig"]["redisSecret"] == reference
    assert sentinel["kubernetesConfig"]["redisSecret"] == reference


def test_the_chart_makes_no_password() -> None:
    assert redis("prod").all("Secret") == []


def test_volumes_outlive_the_release_where_they_should() -> None:
    for size, keep in (("prod", True), ("dev", False)):
        assert spec(redis(size), "RedisReplication")["storage"]["keepAfterDelete"] is keep


@each_kind
def test_pods_have_the_priority_that_is_named(kind: str) -> None:
    assert spec(redis("prod"), kind)["priorityClassName"] == "portal-data"
    assert "priorityClassName" not in spec(redis("dev"), kind)


def test_the_volume_has_the_size_and_class_that_are_named() -> None:
    prod, dev = (spec(redis(s), "RedisReplication")["storage"]["volumeClaimTemplate"]["spec"] for s in ("prod", "dev"))
    assert (prod["resources"]["requests"]["storage"], prod["storageClassName"]) == ("50Gi", "fast-ssd")
    assert dev["resources"]["requests"]["storage"] == "10Gi"
    assert "storageClassName" not in dev


@pytest.mark.parametrize("size", ["dev", "prod"])
@each_kind
def test_pods_pass_the_restricted_level(kind: str, size: str) -> None:
    """The operator sets nothing itself; its own init container takes the context of the one that is not enabled."""
    resource = spec(redis(size), kind)
    assert resource["podSecurityContext"]["runAsNonRoot"] is True
    assert resource["podSecurityContext"]["runAsUser"] > 0
    assert resource["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert resource["initContainer"]["enabled"] is False
    for part in (resource, resource["initContainer"], resource["redisExporter"]):
        assert part["securityContext"]["allowPrivilegeEscalation"] is False
        assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@each_kind
def test_pods_get_no_token(kind: str) -> None:
    account = redis("prod").one("ServiceAccount", spec(redis("prod"), kind)["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("size", ["dev", "prod"])
def test_every_container_has_the_image_and_size_of_the_environment(size: str) -> None:
    values = example("redis-failover", size)
    for kind, key in (("RedisReplication", "redis"), ("RedisSentinel", "sentinel")):
        resource = spec(redis(size), kind)
        assert resource["kubernetesConfig"]["image"] == values[key]["image"]
        assert resource["kubernetesConfig"]["resources"] == values[key]["resources"]
        assert resource["redisExporter"]["enabled"] is True
        assert resource["redisExporter"]["image"] == values["exporter"]["image"]
        assert resource["redisExporter"]["resources"] == values["exporter"]["resources"]


@pytest.mark.parametrize(("limit", "memory"), [("4Gi", "3072mb"), ("512Mi", "384mb")])
def test_redis_leaves_a_quarter_of_its_limit_to_copies_and_buffers(limit: str, memory: str) -> None:
    rendered = render(
        "redis-failover", changed(example("redis-failover", "prod"), "redis.resources.limits.memory", limit)
    )
    name = spec(rendered, "RedisReplication")["redisConfig"]["additionalRedisConfig"]
    lines = rendered.one("ConfigMap", name)["data"]["redis-additional.conf"].splitlines()
    assert {f"maxmemory {memory}", "maxmemory-policy allkeys-lru"} <= set(lines)


def test_a_changed_configuration_restarts_redis() -> None:
    after = render("redis-failover", changed(example("redis-failover", "prod"), "maxMemoryPolicy", "noeviction"))
    before = redis("prod")
    assert after.one("RedisReplication")["metadata"] != before.one("RedisReplication")["metadata"]
    assert after.one("RedisSentinel") == before.one("RedisSentinel")


@each_kind
def test_labels_that_the_operator_copies_never_change_and_replace_none_of_its_own(kind: str) -> None:
    copied = redis("prod").one(kind)["metadata"]["labels"]
    assert not {"app", "role", "redis_setup_type", "helm.sh/chart", "app.kubernetes.io/version"} & copied.keys()


@each_kind
def test_pods_choose_nodes_only_where_nodes_are_labelled(kind: str) -> None:
    assert spec(redis("prod"), kind)["nodeSelector"] == {"workload-type": "memory-intensive"}
    assert "nodeSelector" not in spec(redis("dev"), kind)


def test_servers_talk_to_what_they_need_only() -> None:
    servers = ("redis-failover", "redis-failover-sentinel")
    peers = [("ingress", peer) for peer in ("backstage-backend", "namespace redis-operator", *servers)]
    peers += [("egress", peer) for peer in servers]
    assert flows(redis("prod").one("NetworkPolicy")) == {
        *((way, peer, f"TCP/{port}") for way, peer in peers for port in (6379, 26379)),
        ("ingress", "namespace monitoring", "TCP/9121"),
        *(
            ("egress", resolver, f"{protocol}/53")
            for resolver in ("namespace kube-system", "169.254.20.10/32")
            for protocol in ("TCP", "UDP")
        ),
    }

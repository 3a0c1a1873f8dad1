"""What runs in the cluster: as big as the data say, on the nodes that are made for it, and able to lose one."""

import pytest

from portal.preflight.machines import known_machines
from portal.spec.environment import KubernetesLayer
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.charts.rendering import example
from tests.conftest import StackOf
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.kubernetes.test_resting_point import PROXY_REQUESTS, millicores


def layer(environments: Environments, stack: str) -> KubernetesLayer:
    return environments.local if stack == "local" else environments.tiers[stack.partition("-")[0]]


@pytest.mark.parametrize("name", EVERY_STACK)
def test_operators_have_a_second_replica_where_people_wait_for_them(stack: StackOf, name: str) -> None:
    wanted = 1 if name.startswith(("dev", "local")) else 2
    assert stack(name).values("cloudnative-pg")["replicaCount"] == wanted
    assert stack(name).values("redis-operator")["replicas"] == wanted


@pytest.mark.parametrize("name", EVERY_STACK)
def test_each_workload_runs_on_the_nodes_made_for_it(stack: StackOf, name: str) -> None:
    """Where nodes carry the guide's labels; a selector that no node answers leaves its pods pending."""
    synthesized = stack(name)
    selectors = {
        "cloudnative-pg": synthesized.values("cloudnative-pg")["nodeSelector"],
        "redis-operator": synthesized.values("redis-operator")["nodeSelector"],
        "prometheus": synthesized.values("kube-prometheus-stack")["prometheus"]["prometheusSpec"]["nodeSelector"],
        "postgres-cluster": synthesized.values("postgres-cluster")["nodeSelector"],
        "redis-failover": synthesized.values("redis-failover")["nodeSelector"],
        "portal": synthesized.values("portal")["nodeSelector"],
    }
    if name == "local" or name.endswith("-gcp"):
        assert set(map(str, selectors.values())) == {"{}"}
    else:
        assert {workload: selector["workload-type"] for workload, selector in selectors.items()} == {
            "cloudnative-pg": "system",
            "redis-operator": "system",
            "prometheus": "system",
            "postgres-cluster": "memory-intensive",
            "redis-failover": "memory-intensive",
            "portal": "application",
        }


RESERVED_MILLICORES = {2: 70, 4: 80, 8: 90}
"""What the kubelet keeps for itself, by vCPUs: 6 % of the first, 1 % of the second, 0.5 % of two more, 0.25 % of the
rest. Source: EKS, amazon-eks-ami, `kubeReserved`."""

OF_EVERY_NODE_MILLICORES = 400
"""Network plugin, its policies, kube-proxy, storage drivers, istio-cni, node exporter: at most."""


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_the_fewest_nodes_hold_the_portal_at_rest_and_the_most_all_of_it(environments: Environments, tier: str) -> None:
    """With the room that is held for a scale-up, as whole pods on AWS's machines. Memory is never what is short."""
    environment = environments.tiers[tier]
    vcpus = known_machines()[environment.clouds.aws.nodes["application"].instance_type].vcpus
    room = 1000 * vcpus - RESERVED_MILLICORES[vcpus] - OF_EVERY_NODE_MILLICORES
    group, frontend, backend = environment.nodes["application"], environment.portal.frontend, environment.portal.backend
    (asked,) = {millicores(workload.resources.cpu) for workload in (frontend, backend)}
    on_a_node = room // (asked + PROXY_REQUESTS["cpu"])
    held = environment.headroom.pods if environment.headroom else 0
    assert frontend.replicas.min + backend.replicas.min + held <= group.min * on_a_node
    assert frontend.replicas.max + backend.replicas.max + held <= group.max * on_a_node


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-aws")])
def test_a_node_for_data_holds_one_of_everything_there(stack: StackOf, name: str, environments: Environments) -> None:
    """In each zone stand an instance of the database, a Redis server and a Sentinel, with what runs beside them."""
    synthesized = stack(name)
    machine = environments.tiers[name.removesuffix("-aws")].clouds.aws.nodes["memory-optimized"].instance_type
    vcpus = known_machines()[machine].vcpus
    room = 1000 * vcpus - RESERVED_MILLICORES[vcpus] - OF_EVERY_NODE_MILLICORES
    redis = synthesized.values("redis-failover")
    containers = [
        synthesized.values("postgres-cluster")["resources"],
        *(each.spec["instanceSidecarConfiguration"]["resources"] for each in placed(synthesized, "ObjectStore")),
        *(each.spec["template"]["spec"]["containers"][0]["resources"] for each in placed(synthesized, "Pooler")),
        *(redis[part]["resources"] for part in ("redis", "exporter", "sentinel")),
    ]
    proxies = 2 * PROXY_REQUESTS["cpu"]
    assert sum(millicores(each["requests"]["cpu"]) for each in containers) + proxies <= room


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith(("-aws", "-azure"))])
def test_nodes_for_data_keep_other_pods_away_and_let_the_stores_in(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    taints = {
        f"{taint['key']}={taint['value']}:{taint['effect'].title().replace('_', '')}"
        for group in synthesized.all("aws_eks_node_group")
        for taint in group.get("taint") or ()
    } | {
        taint
        for pool in synthesized.all("azurerm_kubernetes_cluster_node_pool")
        for taint in pool.get("node_taints") or ()
    }
    assert taints == {"workload-type=memory-intensive:NoSchedule"}
    for release in ("postgres-cluster", "redis-failover"):
        values = synthesized.values(release)
        assert {f"{each['key']}={each['value']}:{each['effect']}" for each in values["tolerations"]} == taints


def test_where_no_nodes_are_kept_apart_nothing_is_tolerated(stack: StackOf) -> None:
    for name in ("prod-gcp", "local"):
        assert stack(name).values("postgres-cluster")["tolerations"] == []


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_database_is_what_the_data_say(stack: StackOf, name: str, environments: Environments) -> None:
    database = layer(environments, name).data.portal_db
    values = stack(name).values("postgres-cluster")
    assert values["instances"] == database.instances
    assert values["storage"]["size"] == f"{database.storage_gib}Gi"
    assert values["storage"]["walSize"] == f"{database.wal_storage_gib}Gi"
    assert values["resources"]["requests"] == {"cpu": database.requests.cpu, "memory": database.requests.memory}
    assert values["resources"]["limits"] == {"cpu": database.limits.cpu, "memory": database.limits.memory}
    assert values["synchronous"] is (database.instances == 3), "a write waits for a replica where there is one"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_cache_is_what_the_data_say(
    stack: StackOf, name: str, environments: Environments, versions: Versions
) -> None:
    cache = layer(environments, name).data.portal_cache
    values = stack(name).values("redis-failover")
    assert (values["redis"]["replicas"], values["sentinel"]["replicas"]) == (cache.replicas, cache.sentinels)
    assert values["storage"]["size"] == f"{cache.storage_gib}Gi"
    assert values["redis"]["resources"]["requests"]["memory"] == cache.requests.memory
    assert values["redis"]["resources"]["limits"]["memory"] == cache.limits.memory
    for part, image in (("redis", "redis"), ("sentinel", "redis-sentinel"), ("exporter", "redis-exporter")):
        assert values[part]["image"] == versions.images[image].reference


def test_an_image_whose_digest_is_known_is_taken_by_it(stack: StackOf, versions: Versions) -> None:
    digest = versions.images["postgresql"].digest
    assert digest
    assert stack("prod-aws").values("postgres-cluster")["image"].endswith(f"@{digest}")


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_applications_are_what_the_data_say(stack: StackOf, name: str, environments: Environments) -> None:
    apps = layer(environments, name).portal
    values = stack(name).values("portal")
    assert values["domain"] == apps.domain
    for part, app in (("frontend", apps.frontend), ("backend", apps.backend)):
        assert values[part]["image"] == app.image.reference
        assert values[part]["replicas"] == {"min": app.replicas.min, "max": app.replicas.max}
        assert values[part]["resources"] == {"cpu": app.resources.cpu, "memory": app.resources.memory}


def test_redis_operator_has_no_rights_on_its_node_and_prints_no_password(stack: StackOf) -> None:
    values = stack("prod-aws").values("redis-operator")
    assert values["podSecurityContext"]["runAsNonRoot"] is True
    assert values["securityContext"]["allowPrivilegeEscalation"] is False
    assert values["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all(values["featureGates"].values())


def test_clients_of_the_database_need_no_new_authority_for_years(stack: StackOf) -> None:
    days = stack("prod-aws").values("cloudnative-pg")["config"]["data"]
    assert int(days["CERTIFICATE_DURATION"]) >= 2 * 365
    assert 30 <= int(days["EXPIRING_CHECK_THRESHOLD"]) < int(days["CERTIFICATE_DURATION"])


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_portal_is_told_the_names_that_the_stores_charts_make(stack: StackOf, name: str) -> None:
    """The charts' tests prove of their example that these names exist."""
    size = "dev" if name.startswith(("dev", "local")) else "prod"
    values, proven = stack(name).values("portal"), example("portal", size)
    for kind in ("databases", "caches"):
        assert values[kind]["portal"] == proven[kind]["portal"]
        shape = {key: type(value) for key, value in values[kind]["backstage"].items()}
        managed = name in ("staging-aws", "prod-aws")
        expected = proven[kind]["backstage" if managed or size == "dev" else "portal"]
        assert shape == {key: type(value) for key, value in expected.items()}
    if not values["databases"]["backstage"]["cidrs"]:
        assert values["databases"]["backstage"]["name"] in stack(name).values("postgres-cluster")["databases"]


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_stores_stand_beside_the_portal_and_each_operator_alone(stack: StackOf, name: str) -> None:
    namespaces = {release: resource["namespace"] for release, resource in stack(name).releases.items()}
    assert {namespaces[release] for release in ("portal", "postgres-cluster", "redis-failover")} == {"developer-portal"}
    assert namespaces["cloudnative-pg"] == stack(name).values("postgres-cluster")["network"]["operatorNamespace"]
    assert namespaces["redis-operator"] == stack(name).values("redis-failover")["network"]["operatorNamespace"]
    for store in ("postgres-cluster", "redis-failover"):
        assert stack(name).values(store)["network"]["monitoringNamespace"] == namespaces["kube-prometheus-stack"]

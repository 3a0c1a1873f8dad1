"""In which order things come and, backwards, go."""

import pytest

from tests.conftest import StackOf
from tests.kubernetes.test_release import EVERY_STACK

CLOUD_STACKS = tuple(name for name in EVERY_STACK if name != "local")

NODES = {"aws": "aws_eks_node_group", "gcp": "google_container_cluster", "azure": "azurerm_kubernetes_cluster"}
EGRESS = {"aws": "aws_nat_gateway", "gcp": "google_compute_router_nat", "azure": "azurerm_nat_gateway"}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_operators_come_before_their_resources_and_all_before_the_portal(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    before = {release: synthesized.comes_after(r) for release, r in synthesized.releases.items()}
    address = {release: r.address for release, r in synthesized.releases.items()}
    assert address["cloudnative-pg"] in before["postgres-cluster"]
    assert address["redis-operator"] in before["redis-failover"]
    # Their PodMonitors are a kind that the Prometheus operator defines.
    for monitored in ("cloudnative-pg", "postgres-cluster", "redis-failover"):
        assert address["kube-prometheus-stack"] in before[monitored]
    assert {address["postgres-cluster"], address["redis-failover"]} <= before["portal"]


BEFORE = {
    # Their ServiceMonitors are a kind of the first, their pods have a form and a priority of the second.
    "cert-manager": ("prometheus-operator-crds", "cluster-policies"),
    "external-secrets": ("prometheus-operator-crds", "cluster-policies"),
    "redis-operator": ("cluster-policies",),
    "internal-ca": ("cert-manager",),
    "credentials": ("external-secrets",),
    # The certificate of its webhooks, and Grafana's login.
    "kube-prometheus-stack": ("internal-ca", "credentials"),
    "cloudnative-pg": ("cluster-policies",),
    "redis-failover": ("credentials",),
}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_kinds_rules_certificates_and_passwords_come_before_who_needs_them(stack: StackOf, name: str) -> None:
    releases = stack(name).releases
    for release, needed in BEFORE.items():
        before = stack(name).comes_after(releases[release])
        assert {releases[first].address for first in needed} <= before, release


@pytest.mark.parametrize("name", EVERY_STACK)
def test_destroying_waits_until_external_secrets_has_let_go_of_what_it_made(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    pause = synthesized.one("time_sleep", "platform_credentials-gone")
    assert int(pause["destroy_duration"].removesuffix("s")) >= 30
    assert pause.address in synthesized.references(synthesized.releases["credentials"])
    assert synthesized.releases["external-secrets"].address in synthesized.references(pause)


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_release_comes_after_its_namespace_and_that_namespaces_deny(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for release in synthesized.releases.values():
        before = synthesized.comes_after(release)
        namespace = f"platform_namespaces_{release['namespace']}"
        assert f"kubernetes_namespace_v1.{namespace}" in before
        assert f"kubernetes_network_policy_v1.{namespace}-default-deny" in before


@pytest.mark.parametrize("name", CLOUD_STACKS)
def test_everything_in_the_cluster_comes_after_nodes_and_egress(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    cloud = name.rpartition("-")[2]
    needed = {r.address for type in (NODES[cloud], EGRESS[cloud]) for r in synthesized.all(type)}
    assert needed
    inside = [r for r in synthesized.resources.values() if r.type.startswith(("kubernetes_", "helm_"))]
    for resource in inside:
        assert needed <= synthesized.comes_after(resource), resource.address


@pytest.mark.parametrize("name", EVERY_STACK)
def test_destroying_waits_between_the_stores_and_their_operators(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    pause = synthesized.one("time_sleep", "platform_stores-gone")
    assert pause["destroy_duration"] == "120s"
    for store in ("postgres-cluster", "redis-failover"):
        assert pause.address in synthesized.references(synthesized.releases[store])
    for operator in ("cloudnative-pg", "redis-operator", "kube-prometheus-stack"):
        assert synthesized.releases[operator].address in synthesized.references(pause)


@pytest.mark.parametrize("name", CLOUD_STACKS)
def test_destroying_waits_between_namespaces_and_the_drivers_that_remove_volumes(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    pause = synthesized.one("time_sleep", "platform_volumes-gone")
    for namespace in synthesized.all("kubernetes_namespace_v1"):
        assert pause.address in synthesized.references(namespace)
    assert any(address.startswith(NODES[name.rpartition("-")[2]]) for address in synthesized.references(pause))

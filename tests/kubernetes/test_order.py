"""In which order things come and, backwards, go."""

import pytest

from tests.conftest import StackOf
from tests.kubernetes.rendered import placed
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
    # It makes certificates, and the operator finds it when it is there; a database that names it waits for it.
    "plugin-barman-cloud": ("cert-manager", "cloudnative-pg"),
    "postgres-cluster": ("plugin-barman-cloud",),
    "redis-failover": ("credentials",),
    "velero": ("prometheus-operator-crds", "cluster-policies"),
    "metrics-archive": ("kube-prometheus-stack", "cluster-policies"),
    "prometheus-blackbox-exporter": ("kube-prometheus-stack", "cluster-policies"),
}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_kinds_rules_certificates_and_passwords_come_before_who_needs_them(stack: StackOf, name: str) -> None:
    releases = stack(name).releases
    for release, needed in BEFORE.items():
        if release not in releases:
            continue
        before = stack(name).comes_after(releases[release])
        assert {releases[first].address for first in needed if first in releases} <= before, release


KINDS_FROM = {
    # API group of a custom resource: the releases that bring its kind, or whose webhook admits it.
    "barmancloud.cnpg.io": {"plugin-barman-cloud"},
    "cert-manager.io": {"cert-manager"},
    "external-secrets.io": {"external-secrets"},
    "generators.external-secrets.io": {"external-secrets"},
    "elbv2.k8s.aws": {"aws-load-balancer-controller"},
    "monitoring.coreos.com": {"prometheus-operator-crds"},
    # On Google Cloud its mesh brings them.
    "networking.istio.io": {"base", "istiod"},
    "security.istio.io": {"base", "istiod"},
    "telemetry.istio.io": {"base", "istiod"},
    "postgresql.cnpg.io": {"cloudnative-pg"},
    "redis.redis.opstreelabs.in": {"redis-operator"},
    # Built in on Google Cloud and Azure.
    "autoscaling.k8s.io": {"vpa"},
}
ADMITTED_BY = {"PrometheusRule": {"kube-prometheus-stack"}}
"""Kinds that a webhook refuses while it is down, although another release brings the kind."""


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_custom_resource_comes_after_what_defines_and_admits_its_kind(stack: StackOf, name: str) -> None:
    """And so goes before it: a kind that goes first takes its resources with it, or leaves them stuck."""
    synthesized = stack(name)
    seen = set()
    for each in placed(synthesized):
        group = each.body["apiVersion"].rpartition("/")[0]
        if "." not in group or (group.endswith(".k8s.io") and group not in KINDS_FROM):
            continue
        assert group in KINDS_FROM, f"say which release brings {group}"
        needed = KINDS_FROM[group] | ADMITTED_BY.get(each.kind, set())
        before = synthesized.comes_after(synthesized.releases[each.release])
        for release in needed & synthesized.releases.keys():
            assert synthesized.releases[release].address in before, (each.release, each.kind)
        seen.add(group)
    assert {"monitoring.coreos.com", "postgresql.cnpg.io", "external-secrets.io"} <= seen


@pytest.mark.parametrize("name", [name for name in CLOUD_STACKS if not name.startswith("dev")])
def test_no_pod_starts_before_its_right_in_the_cloud_or_outlives_it(stack: StackOf, name: str) -> None:
    """AWS and Azure give a pod its identity when it starts: one that came first has none until somebody restarts it."""
    synthesized = stack(name)
    logins = {
        "velero": "cluster-backups",
        "postgres-cluster": "database-backups",
        "external-secrets": "secret",
        "metrics-archive": "metrics",
        "kube-prometheus-stack": "metrics",
    }
    kinds = ("aws_eks_pod_identity_association", "google_storage_bucket_iam_member", "google_project_iam_member")
    for release in logins.keys() & synthesized.releases.keys():
        before = synthesized.comes_after(synthesized.releases[release])
        rights = {
            resource.address
            for kind in (*kinds, "azurerm_federated_identity_credential")
            for resource in synthesized.all(kind)
            if resource.address.partition(".")[2].startswith(logins[release])
        }
        assert rights or (logins[release] == "metrics" and name.startswith("staging")), release
        assert rights <= before, release


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

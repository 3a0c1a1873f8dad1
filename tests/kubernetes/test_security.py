"""Rules, priorities, certificates and credentials, as each stack gets them."""

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

import pytest

from portal.kubernetes.priorities import PRIORITIES
from portal.kubernetes.security import publishers
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.kubernetes.rendered import placed
from tests.kubernetes.test_release import EVERY_STACK

TIERS = [("dev-aws", False), ("staging-gcp", True), ("prod-azure", True), ("local", False)]


@pytest.mark.parametrize(("name", "action"), [(n, "Deny" if strict else "Warn") for n, strict in TIERS])
def test_what_production_would_refuse_staging_refuses_and_development_warns_of(
    stack: StackOf, name: str, action: str
) -> None:
    assert stack(name).values("cluster-policies")["action"] == action


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_rules_hold_in_exactly_the_namespaces_of_the_stack(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    values = synthesized.values("cluster-policies")
    made = {n["metadata"]["name"] for n in synthesized.all("kubernetes_namespace_v1")}
    assert set(values["namespaces"]) == made
    assert values["hostPathNamespaces"] == [name for name in ("node-agents",) if name in made]


@pytest.mark.parametrize("name", EVERY_STACK)
def test_images_that_run_in_the_portals_namespace_are_allowed_there(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    allowed = synthesized.values("cluster-policies")["images"]
    assert allowed["namespaces"] == ["developer-portal"]
    for component in ("frontend", "backend"):
        repository, _, digest = synthesized.values("portal")[component]["image"].partition("@")
        assert repository in allowed["byDigest"]
        assert digest
    redis = synthesized.values("redis-failover")
    operands = [redis[part]["image"] for part in ("redis", "sentinel", "exporter")]
    for image in (*operands, synthesized.values("postgres-cluster")["image"]):
        assert any(image.startswith(place) for place in allowed["trusted"]), image


def test_a_publisher_is_not_the_beginning_of_anothers_name(versions: Versions) -> None:
    assert all(place.endswith("/") for place in publishers(versions.images.values()))


def priority_classes(value: Any) -> Iterator[str]:
    """Every priority class that values name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("priorityClassName", "priorityClass"):
                yield inner
            else:
                yield from priority_classes(inner)


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_priority_that_a_release_names_exists(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    made = {entry["name"] for entry in synthesized.values("cluster-policies")["priorities"]}
    for release in synthesized.releases:
        assert set(priority_classes(synthesized.values(release))) <= made, release


@pytest.mark.parametrize(
    ("release", "priority"),
    [
        ("cert-manager", "portal-system"),
        ("external-secrets", "portal-system"),
        ("cloudnative-pg", "portal-system"),
        ("redis-operator", "portal-system"),
        ("kube-prometheus-stack", "portal-system"),
        ("postgres-cluster", "portal-data"),
        ("redis-failover", "portal-data"),
        ("portal", "portal-app"),
    ],
)
def test_operators_go_before_stores_and_stores_before_applications(stack: StackOf, release: str, priority: str) -> None:
    assert set(priority_classes(stack("prod-aws").values(release))) == {priority}


WHERE_PODS_ARE = {
    "Deployment": ("template", "spec"),
    "Pooler": ("template", "spec"),
    "Cluster": (),
    "RedisReplication": (),
    "RedisSentinel": (),
}
"""Where a kind's `spec` holds the fields of its pods."""


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_pod_that_our_charts_start_has_a_priority(stack: StackOf, name: str) -> None:
    started = placed(stack(name), *WHERE_PODS_ARE)
    assert started
    for each in started:
        fields = reduce(lambda inner, key: inner[key], WHERE_PODS_ARE[each.kind], each.spec)
        assert fields["priorityClassName"] in PRIORITIES, each.name


def test_the_values_grow_with_the_importance_and_stay_below_those_of_kubernetes() -> None:
    system, data, app = (PRIORITIES[f"portal-{name}"][0] for name in ("system", "data", "app"))
    assert 1_000_000_000 > system > data > app > 0


@pytest.mark.parametrize(("name", "available"), TIERS)
def test_webhooks_survive_the_loss_of_a_node_where_it_matters(stack: StackOf, name: str, available: bool) -> None:
    manager, secrets = stack(name).values("cert-manager"), stack(name).values("external-secrets")
    parts = {
        "controller": manager,
        "webhook": manager["webhook"],
        "cainjector": manager["cainjector"],
        "secrets": secrets,
        "secrets webhook": secrets["webhook"],
    }
    for part, values in parts.items():
        assert (values["replicaCount"] > 1) is available, part
        # A budget on a single pod would block the drain of its node.
        assert values["podDisruptionBudget"]["enabled"] is available, part


@pytest.mark.parametrize("name", EVERY_STACK)
def test_one_controller_makes_the_passwords_however_many_run(stack: StackOf, name: str) -> None:
    assert stack(name).values("external-secrets")["leaderElect"] is True


@pytest.mark.parametrize("name", EVERY_STACK)
def test_cert_manager_writes_nothing_into_kube_system_and_keeps_its_kinds(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    values = synthesized.values("cert-manager")
    namespace = values["global"]["leaderElection"]["namespace"]
    assert namespace == synthesized.releases["cert-manager"]["namespace"] != "kube-system"
    assert values["crds"] == {"enabled": True, "keep": True}
    assert "installCRDs" not in values


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_authority_is_where_cert_manager_looks_for_it(stack: StackOf, name: str) -> None:
    releases = stack(name).releases
    assert releases["internal-ca"]["namespace"] == releases["cert-manager"]["namespace"]


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_certificate_of_prometheus_comes_from_the_internal_authority(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    asked = synthesized.values("kube-prometheus-stack")["prometheusOperator"]["admissionWebhooks"]["certManager"]
    assert asked["enabled"] is True
    assert asked["issuerRef"] == {"kind": "ClusterIssuer", "name": synthesized.values("internal-ca")["issuer"]}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_prometheus_sees_both_also_where_its_kinds_are_new(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    label = synthesized.values("kube-prometheus-stack")["commonLabels"]
    monitor = synthesized.values("cert-manager")["prometheus"]["servicemonitor"]
    assert monitor == {"enabled": True, "labels": label}
    monitor = synthesized.values("external-secrets")["serviceMonitor"]
    assert monitor == {"enabled": True, "renderMode": "alwaysRender", "additionalLabels": label}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_each_password_is_made_where_and_under_the_key_where_it_is_read(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    made = {
        (secret["namespace"], secret["name"]): {secret["passwordKey"], *secret.get("fixed", ())}
        for secret in synthesized.values("credentials")["secrets"]
    }
    portal = synthesized.values("portal")
    inside = [cache["password"] for cache in portal["caches"].values() if cache["app"]]
    references = [synthesized.values("redis-failover")["secret"]]
    references += [{"name": password["secret"], "key": password["key"]} for password in inside]
    references += [token["secret"] for token in portal["apiTokens"]]
    if portal["signIn"]["provider"] == "oidc":
        references.append(portal["signIn"]["sessionSecret"])
    read = {("developer-portal", secret["name"]): {secret["key"]} for secret in references}
    grafana = synthesized.values("kube-prometheus-stack")["grafana"]
    if grafana["enabled"]:
        login = grafana["admin"]
        read["monitoring", login["existingSecret"]] = {login["userKey"], login["passwordKey"]}
    assert made == read


@pytest.mark.parametrize("name", EVERY_STACK)
def test_guests_come_in_nowhere_but_in_development_and_the_sign_in_secret_is_fetched(stack: StackOf, name: str) -> None:
    sign_in = stack(name).values("portal")["signIn"]
    if name.startswith(("dev", "local")):
        assert sign_in == {"provider": "guest"}
        return
    assert sign_in["provider"] == "oidc"
    fetched = {secret["name"] for secret in stack(name).values("credentials")["fetched"]}
    assert sign_in["clientSecret"]["name"] in fetched


def test_passwords_stay_where_the_data_stay(stack: StackOf, environments: Environments) -> None:
    for tier, environment in environments.tiers.items():
        assert stack(f"{tier}-aws").values("credentials")["keep"] is environment.protected


@pytest.mark.parametrize("name", EVERY_STACK)
def test_pods_choose_nodes_only_where_nodes_are_labelled(stack: StackOf, name: str) -> None:
    selector = {} if name == "local" or name.endswith("-gcp") else {"workload-type": "system"}
    for release in ("cert-manager", "external-secrets"):
        assert stack(name).values(release)["global"]["nodeSelector"] == selector

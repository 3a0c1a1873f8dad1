"""Namespaces: what may run in each, and that nothing is open by default."""

from ipaddress import ip_network
from typing import Any, cast

import pytest

from portal.kubernetes.traffic import API_SERVER, Flow, Peer, policy, webhooks
from tests.conftest import StackOf
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_namespace_is_restricted_except_the_one_for_node_agents(stack: StackOf, name: str) -> None:
    levels = {
        namespace["metadata"]["name"]: namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for namespace in stack(name).all("kubernetes_namespace_v1")
    }
    relaxed = {namespace: level for namespace, level in levels.items() if level != "restricted"}
    assert relaxed == ({} if name.endswith("-gcp") else {"node-agents": "privileged"})


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_namespace_denies_by_default_and_may_make_no_load_balancer(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for namespace in synthesized.all("kubernetes_namespace_v1"):
        policies = synthesized.referring_to(namespace, "kubernetes_network_policy_v1")
        (deny,) = [p for p in policies if p["metadata"]["name"] == "default-deny"]
        assert deny["spec"] == {"pod_selector": {}, "policy_types": ["Ingress", "Egress"]}
        (quota,) = synthesized.referring_to(namespace, "kubernetes_resource_quota_v1")
        # AKS makes the gateway's internal load balancer, at an address that Terraform gives it.
        internal = name.endswith("-azure") and namespace["metadata"]["name"] == "istio-ingress"
        assert quota["spec"]["hard"]["services.loadbalancers"] == ("1" if internal else "0")
        if namespace["metadata"]["name"] == "aws-observability":
            assert quota["spec"]["hard"]["pods"] == "0", "it holds settings alone"
        else:
            assert 10 <= int(quota["spec"]["hard"]["pods"]) <= 500


@pytest.mark.parametrize("name", EVERY_STACK)
def test_whatever_is_not_restricted_is_warned_about_and_audited(stack: StackOf, name: str) -> None:
    for namespace in stack(name).all("kubernetes_namespace_v1"):
        labels = namespace["metadata"]["labels"]
        assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("audit", "warn")} == {"restricted"}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_only_the_control_plane_may_call_in_from_anywhere(stack: StackOf, name: str) -> None:
    """Ingress from every address exists for admission webhooks alone; their ports serve nothing else. The load balancer
    comes in from its own."""
    for resource in stack(name).all("kubernetes_network_policy_v1"):
        for rule in resource["spec"].get("ingress", ()):
            if not rule.get("from"):
                assert resource["metadata"]["name"] == "allow-webhooks", resource.address
            for block in (peer["ip_block"] for peer in rule.get("from", ()) if "ip_block" in peer):
                assert resource["metadata"]["name"] == "allow-load-balancer", resource.address
                assert not block["cidr"].startswith("0.0.0.0"), resource.address


@pytest.mark.parametrize("name", EVERY_STACK)
def test_only_prometheus_reads_metrics(stack: StackOf, name: str) -> None:
    scrapes = policies(stack(name), "allow-scrapes")
    assert scrapes
    for scrape in scrapes:
        (rule,) = scrape["ingress"]
        # A label that Kubernetes itself sets: whoever may label a namespace could claim any other.
        assert rule["from"] == [{"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "monitoring"}}}]


@pytest.mark.parametrize("name", EVERY_STACK)
def test_names_are_asked_of_the_clusters_own_resolvers(stack: StackOf, name: str) -> None:
    for asked in policies(stack(name), "allow-dns"):
        (rule,) = asked["egress"]
        assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("TCP", "53"), ("UDP", "53")}
        blocks = [ip_network(peer["ip_block"]["cidr"]) for peer in rule["to"] if "ip_block" in peer]
        assert all(block.is_link_local and block.num_addresses == 1 for block in blocks)
        (selector,) = [peer["namespace_selector"] for peer in rule["to"] if "ip_block" not in peer]
        assert selector == {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_flow_that_leaves_its_namespace_names_its_ports(stack: StackOf, name: str) -> None:
    for resource in stack(name).all("kubernetes_network_policy_v1"):
        if resource["metadata"]["name"] == "allow-scraping-pods":  # Metrics are on any port.
            continue
        spec = resource["spec"]
        for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
            peers = rule.get("from", []) + rule.get("to", [])
            assert rule.get("ports") or peers == [{"pod_selector": {}}], resource.address


@pytest.mark.parametrize("name", EVERY_STACK)
def test_an_own_flow_ends_at_the_namespaces_own_pods(stack: StackOf, name: str) -> None:
    for way, other in (("ingress", "from"), ("egress", "to")):
        flows = policies(stack(name), f"allow-own-{way}")
        assert flows
        assert all(flow[way] == [{other: [{"pod_selector": {}}]}] for flow in flows)


@pytest.mark.parametrize(
    ("namespace", "flow", "ports"),
    [
        # Where each program listens, as its own documentation and chart say.
        ("cnpg-system", "allow-instances", {"8000", "5432"}),
        ("cnpg-system", "allow-webhooks", {"9443"}),
        ("redis-operator", "allow-instances", {"6379", "26379"}),
        ("monitoring", "allow-webhooks", {"10250"}),
        ("monitoring", "allow-scraping-nodes", {"9100", "10250"}),
        ("monitoring", "allow-api-server", {"443", "6443"}),
        ("node-agents", "allow-scrapes", {"9100"}),
        ("node-agents", "allow-mesh-scrapes", {"15014"}),
        ("istio-system", "allow-proxies", {"15012"}),
        ("istio-system", "allow-webhooks", {"15017"}),
        ("istio-ingress", "allow-portal", {"4400"}),
        ("developer-portal", "allow-proxy-scrapes", {"15020"}),
    ],
)
def test_a_flow_opens_the_ports_that_are_listened_on(
    stack: StackOf, namespace: str, flow: str, ports: set[str]
) -> None:
    spec = stack("prod-aws").one("kubernetes_network_policy_v1", f"platform_namespaces_{namespace}-{flow}")["spec"]
    (rule,) = spec.get("ingress", spec.get("egress"))
    assert {port["port"] for port in rule["ports"]} == ports


def policies(stack: SynthesizedStack, name: str) -> list[dict[str, Any]]:
    """The specs of a stack's policies of that name, whatever their namespace."""
    return [p["spec"] for p in stack.all("kubernetes_network_policy_v1") if p["metadata"]["name"] == name]


def test_a_flow_over_udp_opens_both_protocols() -> None:
    flow = Flow(name="names", direction="egress", peers=(Peer(namespace="kube-system"),), ports=(53,), udp=True)
    (egress,) = cast("list[Any]", policy(flow).egress)
    assert [(port.protocol, port.port) for port in egress.ports] == [("TCP", "53"), ("UDP", "53")]


def test_a_flow_has_one_direction() -> None:
    assert policy(API_SERVER).policy_types == ["Egress"]
    assert policy(API_SERVER).ingress is None
    assert policy(webhooks(9443)).policy_types == ["Ingress"]

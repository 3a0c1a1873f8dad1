"""Namespaces: what may run in each, and that nothing is open by default."""

from typing import Any, cast

import pytest

from portal.kubernetes.traffic import API_SERVER, Flow, Peer, policy, webhooks
from tests.conftest import StackOf
from tests.kubernetes.test_release import EVERY_STACK


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
        assert quota["spec"]["hard"]["services.loadbalancers"] == "0"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_only_the_control_plane_may_call_in_from_anywhere(stack: StackOf, name: str) -> None:
    """Ingress from every address exists for admission webhooks alone; their ports serve nothing else."""
    for resource in stack(name).all("kubernetes_network_policy_v1"):
        for rule in resource["spec"].get("ingress", ()):
            if not rule.get("from") or any("ip_block" in peer for peer in rule["from"]):
                assert resource["metadata"]["name"] == "allow-webhooks", resource.address


def test_a_flow_over_udp_opens_both_protocols() -> None:
    flow = Flow(name="names", direction="egress", peers=(Peer(namespace="kube-system"),), ports=(53,), udp=True)
    (egress,) = cast("list[Any]", policy(flow).egress)
    assert [(port.protocol, port.port) for port in egress.ports] == [("TCP", "53"), ("UDP", "53")]


def test_a_flow_has_one_direction() -> None:
    assert policy(API_SERVER).policy_types == ["Egress"]
    assert policy(API_SERVER).ingress is None
    assert policy(webhooks(9443)).policy_types == ["Ingress"]

"""The evaluator of NetworkPolicies, case by case as the Kubernetes documentation describes them."""

from typing import Any

import pytest

from tests.kubernetes.network import Network, Node, Outside, Pod, Policy, Protocol

CLIENT = Pod(namespace="shop", labels={"role": "client"}, address="10.1.0.1", node="a")
SERVER = Pod(
    namespace="shop",
    labels={"role": "server", "tier": "data"},
    address="10.1.0.2",
    node="b",
    ports={"sql": ("TCP", 5432), "names": ("UDP", 53)},
)
NEIGHBOUR = Pod(namespace="office", labels={"role": "client"}, address="10.1.1.1", node="a")
INTERNET = Outside(address="203.0.113.9")
NODE_A, NODE_B = Node(name="a", address="10.0.0.1"), Node(name="b", address="10.0.0.2")

NAMESPACES = {"shop": {"team": "sales"}, "office": {"team": "staff"}}

ANY: dict[str, Any] = {}


def policy(pods: dict[str, Any], *types: str, namespace: str = "shop", **rules: list[Any]) -> Policy:
    spec = {"podSelector": pods, **({"policyTypes": list(types)} if types else {}), **rules}
    return {"metadata": {"name": "policy", "namespace": namespace}, "spec": spec}


def network(*policies: Policy, blocks_hold_the_cluster: bool = True) -> Network:
    return Network(namespaces=NAMESPACES, policies=policies, blocks_hold_the_cluster=blocks_hold_the_cluster)


def lets_in(rule: dict[str, Any], source: Pod | Node | Outside, port: int = 80, protocol: Protocol = "TCP") -> bool:
    return network(policy(ANY, "Ingress", ingress=[rule])).allows(source, SERVER, port, protocol)


def test_without_a_policy_everything_is_allowed() -> None:
    assert network().allows(INTERNET, SERVER, 22)
    assert network().allows(CLIENT, INTERNET, 443)


def test_a_policy_without_rules_denies_its_direction_alone() -> None:
    deny = network(policy(ANY, "Ingress"))
    assert not deny.allows(CLIENT, SERVER, 80)
    assert deny.allows(SERVER, INTERNET, 80)


def test_a_policy_counts_in_its_own_namespace_for_the_pods_it_selects() -> None:
    deny = network(policy({"matchLabels": {"role": "server"}}, "Ingress"))
    assert not deny.allows(CLIENT, SERVER, 80)
    assert deny.allows(SERVER, CLIENT, 80)
    assert deny.allows(CLIENT, NEIGHBOUR, 80)


def test_ingress_is_always_meant_and_egress_only_with_a_rule_where_types_are_left_out() -> None:
    assert not network(policy(ANY)).allows(CLIENT, SERVER, 80)
    assert network(policy(ANY)).allows(CLIENT, INTERNET, 80)
    assert not network(policy(ANY, egress=[])).allows(CLIENT, INTERNET, 80)


def test_an_empty_rule_allows_all() -> None:
    assert lets_in({}, INTERNET, 22)


def test_policies_add_up() -> None:
    opened = network(policy(ANY, "Ingress"), policy(ANY, "Ingress", ingress=[{"from": [{"podSelector": ANY}]}]))
    assert opened.allows(CLIENT, SERVER, 80)


def test_both_ends_have_to_agree() -> None:
    ingress = policy({"matchLabels": {"role": "server"}}, "Ingress", ingress=[{}])
    egress = policy({"matchLabels": {"role": "client"}}, "Egress", egress=[{"ports": [{"port": 80}]}])
    assert network(ingress, egress).allows(CLIENT, SERVER, 80)
    assert not network(ingress, egress).allows(CLIENT, SERVER, 81)


def test_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    rule = {"from": [{"podSelector": {"matchLabels": {"role": "client"}}}]}
    assert lets_in(rule, CLIENT)
    assert not lets_in(rule, NEIGHBOUR)


def test_a_namespace_selector_alone_means_every_pod_there() -> None:
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"team": "staff"}}}]}
    assert lets_in(rule, NEIGHBOUR)
    assert not lets_in(rule, CLIENT)
    assert lets_in({"from": [{"namespaceSelector": {}}]}, CLIENT)


def test_both_selectors_in_one_entry_mean_and_in_two_entries_or() -> None:
    namespace = {"namespaceSelector": {"matchLabels": {"team": "staff"}}}
    pods = {"podSelector": {"matchLabels": {"role": "clerk"}}}
    assert not lets_in({"from": [{**namespace, **pods}]}, NEIGHBOUR)
    assert lets_in({"from": [namespace, pods]}, NEIGHBOUR)


def test_selectors_select_neither_nodes_nor_addresses_outside() -> None:
    rule: dict[str, Any] = {"from": [{"namespaceSelector": {}}, {"podSelector": {}}]}
    assert not lets_in(rule, INTERNET)
    assert not lets_in(rule, NODE_A)


def test_a_range_holds_its_addresses_without_the_exceptions() -> None:
    rule = {"from": [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/30"]}}]}
    assert lets_in(rule, Outside(address="203.0.113.1"))
    assert not lets_in(rule, INTERNET)
    assert not lets_in(rule, Outside(address="198.51.100.1"))


def test_a_range_holds_pods_and_nodes_only_where_the_engine_says_so() -> None:
    anywhere = policy(ANY, "Ingress", ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])
    for source in (CLIENT, NODE_A):
        assert network(anywhere).allows(source, SERVER, 80)
        assert not network(anywhere, blocks_hold_the_cluster=False).allows(source, SERVER, 80)
    assert network(anywhere, blocks_hold_the_cluster=False).allows(INTERNET, SERVER, 80)


@pytest.mark.parametrize(
    ("entry", "port", "protocol", "allowed"),
    [
        ({"port": 80}, 80, "TCP", True),
        ({"port": 80}, 80, "UDP", False),
        ({"port": 80}, 81, "TCP", False),
        ({"protocol": "UDP"}, 9999, "UDP", True),
        ({"protocol": "UDP", "port": 53}, 53, "TCP", False),
        ({"port": 100, "endPort": 102}, 100, "TCP", True),
        ({"port": 100, "endPort": 102}, 102, "TCP", True),
        ({"port": 100, "endPort": 102}, 103, "TCP", False),
        ({"port": "sql"}, 5432, "TCP", True),
        ({"port": "sql"}, 5433, "TCP", False),
        ({"port": "names"}, 53, "TCP", False),
        ({"protocol": "UDP", "port": "names"}, 53, "UDP", True),
        ({"port": "unknown"}, 5432, "TCP", False),
    ],
)
def test_ports(entry: dict[str, Any], port: int, protocol: Protocol, allowed: bool) -> None:
    assert lets_in({"ports": [entry]}, CLIENT, port, protocol) is allowed


def test_a_named_port_of_an_egress_rule_is_the_targets() -> None:
    egress = network(policy(ANY, "Egress", egress=[{"ports": [{"port": "sql"}]}]))
    assert egress.allows(CLIENT, SERVER, 5432)
    assert not egress.allows(SERVER, CLIENT, 5432)
    assert not egress.allows(CLIENT, INTERNET, 5432)


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"key": "role", "operator": "In", "values": ["client", "clerk"]}, True),
        ({"key": "role", "operator": "In", "values": ["clerk"]}, False),
        ({"key": "role", "operator": "NotIn", "values": ["clerk"]}, True),
        ({"key": "absent", "operator": "NotIn", "values": ["clerk"]}, True),
        ({"key": "role", "operator": "Exists"}, True),
        ({"key": "role", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions(expression: dict[str, Any], selected: bool) -> None:
    assert lets_in({"from": [{"podSelector": {"matchExpressions": [expression]}}]}, CLIENT) is selected


def test_a_pod_reaches_itself_and_its_own_node_whatever_is_denied() -> None:
    deny = network(policy(ANY, "Ingress", "Egress"))
    assert deny.allows(SERVER, SERVER, 80)
    assert deny.allows(NODE_B, SERVER, 80)
    assert deny.allows(SERVER, NODE_B, 80)
    assert not deny.allows(NODE_A, SERVER, 80)


def test_nodes_are_isolated_by_nothing() -> None:
    deny = network(policy(ANY, "Ingress", "Egress"), policy(ANY, "Ingress", "Egress", namespace="office"))
    assert deny.allows(NODE_A, NODE_B, 80)
    assert deny.allows(INTERNET, NODE_B, 80)

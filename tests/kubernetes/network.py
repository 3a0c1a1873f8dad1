"""What Kubernetes NetworkPolicies allow, as pure functions.

Source: Kubernetes, "Network Policies", and the API reference of networking.k8s.io/v1 NetworkPolicy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Literal

Labels = Mapping[str, str]
Policy = Mapping[str, Any]
Protocol = Literal["TCP", "UDP", "SCTP"]
Direction = Literal["ingress", "egress"]


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod with its own address. `ports`: its named ports, each a protocol and a number."""

    namespace: str
    labels: Labels
    address: str
    node: str = ""
    ports: Mapping[str, tuple[Protocol, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node, and every pod that uses its network: policies select neither."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Anything that is no part of the cluster."""

    address: str


End = Pod | Node | Outside


@dataclass(frozen=True, kw_only=True)
class Network:
    """The policies of a cluster. `namespaces`: labels by name.

    `blocks_hold_the_cluster`: whether an address range matches pods and nodes too. The API leaves it open: where a
    policy engine works on identities, as Cilium does, it holds addresses outside the cluster only.
    """

    namespaces: Mapping[str, Labels]
    policies: Sequence[Policy]
    blocks_hold_the_cluster: bool = True
    _of_end: dict[tuple[Direction, int], tuple[End, list[Policy]]] = field(
        default_factory=dict, init=False, compare=False
    )

    def allows(self, source: End, target: End, port: int, protocol: Protocol = "TCP") -> bool:
        """May `source` open a connection to `target`? Both must agree: its egress and the target's ingress."""
        if source == target or _same_node(source, target):
            # A pod cannot shut itself off, nor its node: the kubelet's probes come from there.
            return True
        return self._side("egress", source, target, target, port, protocol) and self._side(
            "ingress", target, source, target, port, protocol
        )

    def _side(self, direction: Direction, own: End, peer: End, target: End, port: int, protocol: Protocol) -> bool:
        """Whether the policies of one end agree. Without a policy for it every connection is allowed."""
        isolating = self._isolating(own, direction)
        return not isolating or any(
            self._has_peer(rule, direction, policy, peer) and has_port(rule, target, port, protocol)
            for policy in isolating
            for rule in policy["spec"].get(direction) or ()
        )

    def _isolating(self, end: End, direction: Direction) -> list[Policy]:
        """Found once for each end, however many others and ports it is asked about."""
        key = direction, id(end)
        if key not in self._of_end:
            self._of_end[key] = end, [policy for policy in self.policies if isolates(policy, end, direction)]
        return self._of_end[key][1]

    def _has_peer(self, rule: Mapping[str, Any], direction: Direction, policy: Policy, end: End) -> bool:
        peers = rule.get("from" if direction == "ingress" else "to")
        return not peers or any(self._matches(peer, policy["metadata"]["namespace"], end) for peer in peers)

    def _matches(self, peer: Mapping[str, Any], namespace: str, end: End) -> bool:
        """One entry of `from` or `to`: a range, or pods by the selectors that it has, which all must select."""
        if "ipBlock" in peer:
            inside = not isinstance(end, Outside)
            return in_block(peer["ipBlock"], end.address) and (self.blocks_hold_the_cluster or not inside)
        if not isinstance(end, Pod):
            return False
        if "namespaceSelector" in peer:
            in_namespace = selects(peer["namespaceSelector"], self.namespaces[end.namespace])
        else:
            in_namespace = end.namespace == namespace
        return in_namespace and selects(peer.get("podSelector") or {}, end.labels)


def isolates(policy: Policy, end: End, direction: Direction) -> bool:
    """Whether from this policy on only what is listed is allowed for `end` in this direction."""
    if not isinstance(end, Pod) or policy["metadata"]["namespace"] != end.namespace:
        return False
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return direction.capitalize() in types and selects(spec.get("podSelector") or {}, end.labels)


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """A label selector; an empty one selects everything."""
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    present = expression["key"] in labels
    among = labels.get(expression["key"]) in (expression.get("values") or ())
    return {"In": among, "NotIn": not among, "Exists": present, "DoesNotExist": not present}[expression["operator"]]


def in_block(block: Mapping[str, Any], address: str) -> bool:
    """Whether an address is in an `ipBlock` and in none of its exceptions."""
    number = _address(address)
    return number in _range(block["cidr"]) and not any(number in _range(cidr) for cidr in block.get("except") or ())


_address, _range = cache(ip_address), cache(ip_network)


def has_port(rule: Mapping[str, Any], target: End, port: int, protocol: Protocol) -> bool:
    """Whether a rule names this port of the target; a rule without ports names all, by every protocol."""
    ports = rule.get("ports")
    return not ports or any(_is_port(entry, target, port, protocol) for entry in ports)


def _is_port(entry: Mapping[str, Any], target: End, port: int, protocol: Protocol) -> bool:
    if entry.get("protocol", "TCP") != protocol:
        return False
    named = entry.get("port")
    if named is None:
        return True
    if isinstance(named, str):
        return isinstance(target, Pod) and target.ports.get(named) == (protocol, port)
    return bool(named <= port <= entry.get("endPort", named))


def _same_node(one: End, other: End) -> bool:
    pod, node = (one, other) if isinstance(one, Pod) else (other, one)
    return isinstance(pod, Pod) and isinstance(node, Node) and pod.node == node.name

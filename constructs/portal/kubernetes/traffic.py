"""What the pods of a namespace may say to whom: everything that is not listed is denied.

These are the flows that a whole namespace shares. Flows of one application (portal, database, cache) belong to its
chart, beside the Service that they reach.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from cdktf_cdktf_provider_kubernetes.network_policy_v1 import (
    NetworkPolicyV1Spec,
    NetworkPolicyV1SpecEgress,
    NetworkPolicyV1SpecEgressPorts,
    NetworkPolicyV1SpecEgressTo,
    NetworkPolicyV1SpecEgressToIpBlock,
    NetworkPolicyV1SpecEgressToNamespaceSelector,
    NetworkPolicyV1SpecEgressToPodSelector,
    NetworkPolicyV1SpecIngress,
    NetworkPolicyV1SpecIngressFrom,
    NetworkPolicyV1SpecIngressFromIpBlock,
    NetworkPolicyV1SpecIngressFromNamespaceSelector,
    NetworkPolicyV1SpecIngressFromPodSelector,
    NetworkPolicyV1SpecIngressPorts,
    NetworkPolicyV1SpecPodSelector,
)

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that Kubernetes itself puts on every namespace."""

POD_IDENTITY_AGENT = "169.254.170.23/32"
"""On each node of EKS: hands out the credentials of a pod's role."""

DNS_PORT = 53
API_SERVER_PORTS = (443, 6443)
EVERYWHERE = "0.0.0.0/0"
RESOLVERS = ("169.254.20.10/32", "169.254.169.254/32")
"""DNS beside the pods in kube-system: the node-local cache, and on GKE the metadata server (Cloud DNS)."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The other end of a flow; exactly one field is set.

    Where policies work on identities, as with Cilium on GKE and AKS, a `cidr` holds neither pods nor nodes.
    """

    namespace: str | None = None
    same_namespace: bool = False
    any_pod: bool = False
    cidr: str | None = None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One permission. No peers: everybody, nodes included. No ports: every port. `udp` adds the ports over UDP.

    `pods`: labels of the pods that it is for; none: every pod of the namespace.
    """

    name: str
    direction: Literal["ingress", "egress"]
    peers: tuple[Peer, ...]
    ports: tuple[int, ...] = ()
    udp: bool = False
    pods: tuple[tuple[str, str], ...] = ()


DNS = Flow(
    name="allow-dns",
    direction="egress",
    peers=(Peer(namespace="kube-system"), *(Peer(cidr=cidr) for cidr in RESOLVERS)),
    ports=(DNS_PORT,),
    udp=True,
)

API_SERVER = Flow(
    name="allow-api-server",
    direction="egress",
    # Managed control planes have no address that is known in advance, and none that a pod selector matches.
    peers=(Peer(cidr=EVERYWHERE),),
    ports=API_SERVER_PORTS,
)


def webhooks(*ports: int) -> Flow:
    """Calls from the API server, from anywhere.

    They come from outside on EKS, from a pod of kube-system on GKE and from a node on AKS, which no peer selects.
    """
    return Flow(name="allow-webhooks", direction="ingress", peers=(), ports=ports)


def scraped(*ports: int, name: str = "allow-scrapes") -> Flow:
    """Prometheus reads metrics."""
    return Flow(name=name, direction="ingress", peers=(Peer(namespace="monitoring"),), ports=ports)


def reaches(name: str, namespace: str, *ports: int) -> Flow:
    """An operator speaks to the pods it manages."""
    return Flow(name=name, direction="egress", peers=(Peer(namespace=namespace),), ports=ports)


def within(namespace_flow: Literal["ingress", "egress"]) -> Flow:
    """Pods of the namespace speak to each other."""
    return Flow(name=f"allow-own-{namespace_flow}", direction=namespace_flow, peers=(Peer(same_namespace=True),))


def identity(endpoints: Sequence[tuple[str, int]]) -> Iterator[Flow]:
    """Pods fetch their identity in the cloud: one flow for each CIDR and port."""
    for number, (cidr, port) in enumerate(endpoints, 1):
        name = "allow-identity" if number == 1 else f"allow-identity-{number}"
        yield Flow(name=name, direction="egress", peers=(Peer(cidr=cidr),), ports=(port,))


EVERY_POD = NetworkPolicyV1SpecPodSelector()

DENY_ALL = NetworkPolicyV1Spec(pod_selector=EVERY_POD, policy_types=["Ingress", "Egress"])


@cache
def policy(flow: Flow) -> NetworkPolicyV1Spec:
    """The NetworkPolicy that allows `flow`."""
    chosen = NetworkPolicyV1SpecPodSelector(match_labels=dict(flow.pods)) if flow.pods else EVERY_POD
    protocols = ("TCP", "UDP") if flow.udp else ("TCP",)
    ports = [(protocol, str(port)) for port in flow.ports for protocol in protocols]
    if flow.direction == "egress":
        egress = NetworkPolicyV1SpecEgress(
            to=[_to(peer) for peer in flow.peers] or None,
            ports=[NetworkPolicyV1SpecEgressPorts(protocol=protocol, port=port) for protocol, port in ports] or None,
        )
        return NetworkPolicyV1Spec(pod_selector=chosen, policy_types=["Egress"], egress=[egress])
    ingress = NetworkPolicyV1SpecIngress(
        from_=[_from(peer) for peer in flow.peers] or None,
        ports=[NetworkPolicyV1SpecIngressPorts(protocol=protocol, port=port) for protocol, port in ports] or None,
    )
    return NetworkPolicyV1Spec(pod_selector=chosen, policy_types=["Ingress"], ingress=[ingress])


def _to(peer: Peer) -> NetworkPolicyV1SpecEgressTo:
    if peer.cidr:
        return NetworkPolicyV1SpecEgressTo(ip_block=NetworkPolicyV1SpecEgressToIpBlock(cidr=peer.cidr))
    if peer.same_namespace:
        return NetworkPolicyV1SpecEgressTo(pod_selector=NetworkPolicyV1SpecEgressToPodSelector())
    return NetworkPolicyV1SpecEgressTo(
        namespace_selector=NetworkPolicyV1SpecEgressToNamespaceSelector(match_labels=_labels(peer))
    )


def _from(peer: Peer) -> NetworkPolicyV1SpecIngressFrom:
    if peer.cidr:
        return NetworkPolicyV1SpecIngressFrom(ip_block=NetworkPolicyV1SpecIngressFromIpBlock(cidr=peer.cidr))
    if peer.same_namespace:
        return NetworkPolicyV1SpecIngressFrom(pod_selector=NetworkPolicyV1SpecIngressFromPodSelector())
    return NetworkPolicyV1SpecIngressFrom(
        namespace_selector=NetworkPolicyV1SpecIngressFromNamespaceSelector(match_labels=_labels(peer))
    )


def _labels(peer: Peer) -> dict[str, str] | None:
    return {NAMESPACE_NAME: peer.namespace} if peer.namespace else None

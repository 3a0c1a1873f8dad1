"""The namespaces of the platform: what may run in each, how much of it, and what it may talk to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_kubernetes.namespace_v1 import NamespaceV1, NamespaceV1Metadata
from cdktf_cdktf_provider_kubernetes.network_policy_v1 import (
    NetworkPolicyV1,
    NetworkPolicyV1Metadata,
)
from cdktf_cdktf_provider_kubernetes.resource_quota_v1 import (
    ResourceQuotaV1,
    ResourceQuotaV1Metadata,
    ResourceQuotaV1Spec,
)
from constructs import Construct

from portal.kubernetes import traffic
from portal.kubernetes.contract import CloudServices, Cluster
from portal.kubernetes.traffic import Flow, Peer

PORTAL = "developer-portal"
MONITORING = "monitoring"
NODE_AGENTS = "node-agents"
DATABASE_OPERATOR = "cnpg-system"
CACHE_OPERATOR = "redis-operator"
AUTOSCALING = "autoscaling"
CERTIFICATES = "cert-manager"
SECRETS = "external-secrets"
BACKUP = "velero"

EVERYWHERE = (PORTAL, DATABASE_OPERATOR, CACHE_OPERATOR, MONITORING, CERTIFICATES, SECRETS)
"""The namespaces of every cluster; the others are made where something lives in them."""


def needed(cluster: Cluster, services: CloudServices) -> tuple[str, ...]:
    """The namespaces that this cluster needs, in the order in which they are made."""
    autoscalers = services.node_autoscaler or not cluster.vertical_autoscaler
    return (
        *EVERYWHERE,
        *([NODE_AGENTS] if cluster.node_agents else []),
        *([AUTOSCALING] if autoscalers else []),
        *([BACKUP] if services.cluster_backups else []),
    )


def logging_in(services: CloudServices) -> frozenset[str]:
    """The namespaces whose pods have rights in the cloud, as a whole: they may fetch their identity."""
    users = {
        AUTOSCALING: services.node_autoscaler,
        BACKUP: services.cluster_backups,
        SECRETS: services.secret_store,
        MONITORING: services.metrics_store,
    }
    return frozenset(name for name, right in users.items() if right)


@dataclass(frozen=True, kw_only=True)
class NamespaceSpec:
    """`pod_security`: the Pod Security level that is enforced. `pods`: most pods at once."""

    pod_security: Literal["restricted", "baseline", "privileged"]
    pods: int
    flows: tuple[Flow, ...]


NAMESPACES: Mapping[str, NamespaceSpec] = {
    # Its charts bring the flows of their applications, names included.
    PORTAL: NamespaceSpec(pod_security="restricted", pods=100, flows=()),
    DATABASE_OPERATOR: NamespaceSpec(
        pod_security="restricted",
        pods=10,
        flows=(
            traffic.DNS,
            traffic.API_SERVER,
            traffic.webhooks(9443),
            traffic.scraped(8080),
            traffic.reaches("allow-instances", PORTAL, 8000, 5432),
            # The operator and its backup plugin.
            traffic.within("ingress"),
            traffic.within("egress"),
        ),
    ),
    CACHE_OPERATOR: NamespaceSpec(
        pod_security="restricted",
        pods=10,
        flows=(
            traffic.DNS,
            traffic.API_SERVER,
            traffic.scraped(8080),
            traffic.reaches("allow-instances", PORTAL, 6379, 26379),
        ),
    ),
    CERTIFICATES: NamespaceSpec(
        pod_security="restricted",
        pods=20,
        flows=(traffic.DNS, traffic.API_SERVER, traffic.webhooks(10250), traffic.scraped(9402)),
    ),
    SECRETS: NamespaceSpec(
        pod_security="restricted",
        pods=15,
        flows=(traffic.DNS, traffic.API_SERVER, traffic.webhooks(10250), traffic.scraped(8080)),
    ),
    MONITORING: NamespaceSpec(
        pod_security="restricted",
        pods=30,
        flows=(
            traffic.DNS,
            traffic.API_SERVER,
            traffic.webhooks(10250),
            traffic.within("ingress"),
            traffic.within("egress"),
            # Targets are on any port of any pod, and on the nodes: kubelet and node exporter.
            Flow(name="allow-scraping-pods", direction="egress", peers=(Peer(any_pod=True),)),
            # No peer selects a node on every cloud.
            Flow(name="allow-scraping-nodes", direction="egress", peers=(), ports=(9100, 10250)),
        ),
    ),
    AUTOSCALING: NamespaceSpec(
        pod_security="restricted",
        pods=10,
        flows=(
            traffic.DNS,
            # Also the cloud's API, which answers on the same port.
            traffic.API_SERVER,
            # Of the vertical autoscaler; then cluster autoscaler, recommender and updater.
            traffic.webhooks(8000),
            traffic.scraped(8085, 8942, 8943),
        ),
    ),
    BACKUP: NamespaceSpec(
        pod_security="restricted",
        pods=10,
        # The object store answers on the same port as the API server.
        flows=(traffic.DNS, traffic.API_SERVER, traffic.scraped(8085)),
    ),
    # The node exporter reads the host, which only `privileged` allows: a namespace with nothing else in it.
    NODE_AGENTS: NamespaceSpec(pod_security="privileged", pods=500, flows=(traffic.scraped(9100),)),
}


class Namespaces(Construct):
    """Every namespace with its Pod Security level, its quota and its default deny.

    `names`: of all of them. `identity`: by name, the endpoints (CIDR and port) where pods fetch their identity.
    `ready`: by name, what a release in the namespace comes after.

    Deleting one deletes the volumes in it, so Terraform refuses to when `protected`.

    Source: guide, "Network Security Policies" and "Pod Security Standards"; Kubernetes, "Pod Security Admission".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        names: Sequence[str],
        identity: Mapping[str, Sequence[tuple[str, int]]],
        labels: Mapping[str, str],
        protected: bool,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        self.names = tuple(names)
        self.ready: dict[str, tuple[ITerraformDependable, ...]] = {}
        for name in names:
            spec = NAMESPACES[name]
            namespace = NamespaceV1(
                self,
                name,
                metadata=NamespaceV1Metadata(name=name, labels={**labels, **pod_security_labels(spec.pod_security)}),
                lifecycle={"prevent_destroy": protected},
                depends_on=list(after),
            )
            reference = namespace.metadata.name
            quota = ResourceQuotaV1(
                self,
                f"{name}-quota",
                metadata=ResourceQuotaV1Metadata(name="pods", namespace=reference, labels=labels),
                spec=ResourceQuotaV1Spec(hard={"pods": str(spec.pods), "services.loadbalancers": "0"}),
            )
            flows = [*spec.flows, *traffic.identity(identity.get(name, ()))]
            policies = {"default-deny": traffic.DENY_ALL, **{flow.name: traffic.policy(flow) for flow in flows}}
            self.ready[name] = (
                quota,
                *(
                    NetworkPolicyV1(
                        self,
                        f"{name}-{policy}",
                        metadata=NetworkPolicyV1Metadata(name=policy, namespace=reference, labels=labels),
                        spec=body,
                    )
                    for policy, body in policies.items()
                ),
            )


def pod_security_labels(level: str) -> dict[str, str]:
    """Enforces `level`, and warns about and audits whatever is not `restricted`."""
    prefix = "pod-security.kubernetes.io"
    return {f"{prefix}/enforce": level, f"{prefix}/audit": "restricted", f"{prefix}/warn": "restricted"}

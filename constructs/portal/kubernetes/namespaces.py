"""The namespaces of the platform: what may run in each, how much of it, and what it may talk to."""

from collections.abc import Collection, Mapping, Sequence
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
MESH = "istio-system"
INGRESS = "istio-ingress"
LOAD_BALANCING = "load-balancing"
LOAD_TEST = "loadtest"
FARGATE_LOGS = "aws-observability"
"""Where Fargate looks for its settings, by this name and a label of the same name."""

MESH_MEMBER = {"sidecar.istio.io/inject": "true"}
"""Label of pods that join the mesh. Nobody joins by namespace: a pod that brings its own TLS stays as it is."""

EVERYWHERE = (PORTAL, DATABASE_OPERATOR, CACHE_OPERATOR, MONITORING, CERTIFICATES, SECRETS)
"""The namespaces of every cluster; the others are made where something lives in them."""


def needed(cluster: Cluster, services: CloudServices, *, mesh: bool, load_test: bool) -> tuple[str, ...]:
    """The namespaces that this cluster needs, in the order in which they are made."""
    autoscalers = services.node_autoscaler or not cluster.vertical_autoscaler
    return (
        *EVERYWHERE,
        *([NODE_AGENTS] if cluster.node_agents else []),
        *([AUTOSCALING] if autoscalers else []),
        *([BACKUP] if services.cluster_backups else []),
        *([MESH, INGRESS] if mesh else []),
        *([LOAD_BALANCING] if services.target_controller else []),
        *([LOAD_TEST] if load_test else []),
        *([FARGATE_LOGS] if services.load_generators else []),
    )


def logging_in(services: CloudServices) -> frozenset[str]:
    """The namespaces whose pods have rights in the cloud, as a whole: they may fetch their identity."""
    users = {
        AUTOSCALING: services.node_autoscaler,
        BACKUP: services.cluster_backups,
        SECRETS: services.secret_store,
        LOAD_BALANCING: services.target_controller,
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
    # Its chart brings the flows.
    LOAD_TEST: NamespaceSpec(pod_security="restricted", pods=110, flows=()),
    # A ConfigMap and no pods.
    FARGATE_LOGS: NamespaceSpec(pod_security="restricted", pods=0, flows=()),
    LOAD_BALANCING: NamespaceSpec(
        pod_security="restricted",
        pods=10,
        # The cloud's API answers on the same port as the API server.
        flows=(traffic.DNS, traffic.API_SERVER, traffic.webhooks(9443), traffic.scraped(8080)),
    ),
    MESH: NamespaceSpec(
        pod_security="restricted",
        pods=10,
        flows=(
            traffic.DNS,
            traffic.API_SERVER,
            # Which proxies to inject, and whether rules are well formed.
            traffic.webhooks(15017),
            traffic.scraped(15014),
            # Proxies fetch their certificates and configuration.
            Flow(
                name="allow-proxies",
                direction="ingress",
                peers=tuple(Peer(namespace=name) for name in (PORTAL, CACHE_OPERATOR, INGRESS)),
                ports=(15012,),
            ),
        ),
    ),
    INGRESS: NamespaceSpec(
        pod_security="restricted",
        pods=20,
        flows=(
            traffic.DNS,
            traffic.scraped(15090),
            traffic.reaches("allow-portal", PORTAL, 4400),
        ),
    ),
    # What reads or changes the host, which only `privileged` allows: the node exporter and the mesh's interception.
    NODE_AGENTS: NamespaceSpec(pod_security="privileged", pods=500, flows=(traffic.scraped(9100),)),
}


class Namespaces(Construct):
    """Every namespace with its Pod Security level, its quota and its default deny.

    `names`: of all of them. `flows`: by name, what the environment allows beyond what each namespace always has.
    `balanced`: those that may have one Service of type LoadBalancer. `own_labels`: by name, labels of that one alone.
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
        flows: Mapping[str, Sequence[Flow]],
        balanced: Collection[str],
        own_labels: Mapping[str, Mapping[str, str]],
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
                metadata=NamespaceV1Metadata(
                    name=name, labels={**labels, **pod_security_labels(spec.pod_security), **own_labels.get(name, {})}
                ),
                lifecycle={"prevent_destroy": protected},
                depends_on=list(after),
            )
            reference = namespace.metadata.name
            quota = ResourceQuotaV1(
                self,
                f"{name}-quota",
                metadata=ResourceQuotaV1Metadata(name="pods", namespace=reference, labels=labels),
                spec=ResourceQuotaV1Spec(
                    hard={"pods": str(spec.pods), "services.loadbalancers": str(int(name in balanced))}
                ),
            )
            allowed = {flow.name: traffic.policy(flow) for flow in (*spec.flows, *flows.get(name, ()))}
            policies = {"default-deny": traffic.DENY_ALL, **allowed}
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

"""Who is in and around a stack's cluster: pods with the labels that policies, monitors and budgets select by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from portal.spec.loader import Environments
from portal.subnets import regional_subnets
from tests.kubernetes.network import Labels, Node, Outside, Pod, Protocol
from tests.kubernetes.rendered import Placed, placed
from tests.synthesized import SynthesizedStack

Ports = Mapping[str, tuple[Protocol, int]]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Pods that are alike, before they have an address. `ports`: the named ones, as monitors know them."""

    name: str
    namespace: str
    labels: Labels
    ports: Ports


def of_template(each: Placed) -> list[Actor]:
    """The pods of a Deployment, StatefulSet, DaemonSet or Job."""
    template = each.spec["template"]
    ports: dict[str, tuple[Protocol, int]] = {
        port["name"]: (port.get("protocol", "TCP"), port["containerPort"])
        for container in template["spec"]["containers"]
        for port in container.get("ports", ())
        if "name" in port
    }
    labels = template["metadata"].get("labels", {})
    # A Job's own name ends in a hash of what it runs.
    name = labels["app"] if each.kind == "Job" and "app" in labels else each.name
    return [Actor(name=name, namespace=each.namespace, labels=labels, ports=ports)]


def of_postgres(each: Placed) -> list[Actor]:
    """Source: CloudNativePG, "Labels and annotations" and "Monitoring"."""
    inherited = each.spec.get("inheritedMetadata", {}).get("labels", {})
    labels = {"cnpg.io/cluster": each.name, "cnpg.io/podRole": "instance", **inherited}
    ports: Ports = {"postgresql": ("TCP", 5432), "metrics": ("TCP", 9187), "status": ("TCP", 8000)}
    return _pair(each.name, each.namespace, labels, ports)


def of_pooler(each: Placed) -> list[Actor]:
    """PgBouncer. Source: as above, and "Connection pooling"; its pods carry the cluster's label too."""
    labels = {
        **each.spec.get("template", {}).get("metadata", {}).get("labels", {}),
        "cnpg.io/cluster": each.spec["cluster"]["name"],
        "cnpg.io/poolerName": each.name,
        "cnpg.io/podRole": "pooler",
    }
    ports: Ports = {"pgbouncer": ("TCP", 5432), "metrics": ("TCP", 9127)}
    return [Actor(name=each.name, namespace=each.namespace, labels=labels, ports=ports)]


def of_redis(each: Placed) -> list[Actor]:
    """Servers, and Sentinel beside them. Source: redis-operator, internal/controller/redisreplication."""
    copied = each.body["metadata"]["labels"]
    ports: Ports = {"redis-client": ("TCP", 6379), "redis-exporter": ("TCP", 9121)}
    servers = _pair(each.name, each.namespace, {**copied, "app": each.name}, ports)
    sentinel = f"{each.name}-s"
    return [
        *servers,
        *_pair(sentinel, each.namespace, {**copied, "app": sentinel}, {"sentinel": ("TCP", 26379)}),
    ]


def _pair(name: str, namespace: str, labels: Labels, ports: Ports) -> list[Actor]:
    """Two of a set whose members speak to each other; a single one is restarted as another."""
    return [Actor(name=n, namespace=namespace, labels=labels, ports=ports) for n in (name, f"{name}-2")]


RUN_PODS: Mapping[str, Callable[[Placed], list[Actor]]] = {
    "Deployment": of_template,
    "StatefulSet": of_template,
    "DaemonSet": of_template,
    "Job": of_template,
    "Cluster": of_postgres,
    "Pooler": of_pooler,
    "RedisReplication": of_redis,
}
"""Kinds of our charts that start pods. A new one needs a line here, or nothing is known of what it may reach."""

RUN_NONE = {
    "AuthorizationPolicy",
    "Certificate",
    "ClusterIssuer",
    "ClusterSecretStore",
    "ConfigMap",
    "Database",
    "DestinationRule",
    "ExternalSecret",
    "Gateway",
    "HorizontalPodAutoscaler",
    "Issuer",
    "NetworkPolicy",
    "ObjectStore",
    "PeerAuthentication",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Password",
    "PodDisruptionBudget",
    "PodMonitor",
    "PriorityClass",
    "PrometheusRule",
    "ScheduledBackup",
    "Secret",
    "Service",
    "ServiceAccount",
    "SecretStore",
    "ServiceMonitor",
    "TargetGroupBinding",
    "Telemetry",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "VirtualService",
    "VerticalPodAutoscaler",
}


@dataclass(frozen=True, kw_only=True)
class ThirdParty:
    """Pods of a third-party chart. `switch`: path of the value that turns them on; empty where nothing does.
    `more_labels`: path of the value that adds labels.
    """

    name: str
    release: str
    labels: Labels
    switch: tuple[str, ...] = ()
    ports: Ports = field(default_factory=dict)
    more_labels: tuple[str, ...] = ()


THIRD_PARTY = (
    ThirdParty(name="cert-manager", release="cert-manager", labels={"app.kubernetes.io/name": "cert-manager"}),
    ThirdParty(
        name="external-secrets", release="external-secrets", labels={"app.kubernetes.io/name": "external-secrets"}
    ),
    ThirdParty(name="cnpg-operator", release="cloudnative-pg", labels={"app.kubernetes.io/name": "cloudnative-pg"}),
    ThirdParty(
        name="barman-plugin", release="plugin-barman-cloud", labels={"app.kubernetes.io/name": "plugin-barman-cloud"}
    ),
    ThirdParty(name="velero", release="velero", labels={"app.kubernetes.io/name": "velero"}),
    ThirdParty(
        name="cluster-autoscaler",
        release="cluster-autoscaler",
        labels={"app.kubernetes.io/name": "aws-cluster-autoscaler"},
    ),
    ThirdParty(name="vpa-recommender", release="vpa", labels={"app.kubernetes.io/component": "recommender"}),
    ThirdParty(name="vpa-updater", release="vpa", labels={"app.kubernetes.io/component": "updater"}),
    ThirdParty(name="vpa-admission", release="vpa", labels={"app.kubernetes.io/component": "admission-controller"}),
    ThirdParty(
        name="redis-operator",
        release="redis-operator",
        labels={"name": "redis-operator"},
        more_labels=("redisOperator", "podLabels"),
    ),
    ThirdParty(
        name="target-controller",
        release="aws-load-balancer-controller",
        labels={"app.kubernetes.io/name": "aws-load-balancer-controller"},
    ),
    ThirdParty(name="istiod", release="istiod", labels={"app": "istiod"}, ports={"http-monitoring": ("TCP", 15014)}),
    ThirdParty(
        name="istio-cni", release="cni", labels={"k8s-app": "istio-cni-node"}, ports={"metrics": ("TCP", 15014)}
    ),
    ThirdParty(
        name="gateway",
        release="gateway",
        labels={"app": "gateway", "istio": "gateway"},
        ports={"http-envoy-prom": ("TCP", 15090)},
    ),
    ThirdParty(
        name="prometheus-operator",
        release="kube-prometheus-stack",
        labels={"app.kubernetes.io/name": "prometheus-operator"},
    ),
    ThirdParty(
        name="kube-state-metrics",
        release="kube-prometheus-stack",
        labels={"app.kubernetes.io/name": "kube-state-metrics"},
    ),
    ThirdParty(
        name="blackbox-exporter",
        release="prometheus-blackbox-exporter",
        labels={"app.kubernetes.io/name": "prometheus-blackbox-exporter"},
    ),
    ThirdParty(name="prometheus", release="kube-prometheus-stack", labels={"app.kubernetes.io/name": "prometheus"}),
    ThirdParty(
        name="alertmanager",
        release="kube-prometheus-stack",
        labels={"app.kubernetes.io/name": "alertmanager"},
        switch=("alertmanager", "enabled"),
    ),
    ThirdParty(
        name="grafana",
        release="kube-prometheus-stack",
        labels={"app.kubernetes.io/name": "grafana"},
        switch=("grafana", "enabled"),
    ),
)


def pods(stack: SynthesizedStack) -> list[Actor]:
    """Every pod that the stack's releases start, directly or through an operator."""
    ours = [actor for each in placed(stack, *RUN_PODS) for actor in RUN_PODS[each.kind](each)]
    theirs = [
        Actor(
            name=each.name,
            namespace=stack.releases[each.release]["namespace"],
            labels=_labels(each, stack),
            ports=each.ports,
        )
        for each in THIRD_PARTY
        if each.release in stack.releases and _at(stack.values(each.release), each.switch)
    ]
    return [*ours, *theirs]


def _labels(each: ThirdParty, stack: SynthesizedStack) -> Labels:
    values = stack.values(each.release)
    try:
        return {**each.labels, **(_at(values, each.more_labels) if each.more_labels else {})}
    except KeyError:
        return each.labels


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        values = values[key]
    return values


STRANGERS = (
    Actor(name="kube-dns", namespace="kube-system", labels={"k8s-app": "kube-dns"}, ports={}),
    Actor(name="stranger", namespace="default", labels={"app": "stranger"}, ports={}),
)
"""Pods that are none of ours."""

AROUND = {
    "internet": Outside(address="203.0.113.9"),
    "corporate": Outside(address="172.20.0.9"),
    "node-dns": Outside(address="169.254.20.10"),
    "metadata-server": Outside(address="169.254.169.254"),
    "gke-metadata": Outside(address="169.254.169.252"),
    "pod-identity": Outside(address="169.254.170.23"),
}
"""What is around every cluster, or could be. The node-local addresses lie on the pod's own node, beside the cluster."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Everyone by name; some only answer or only call."""

    sources: Mapping[str, Pod | Node | Outside]
    targets: Mapping[str, Pod | Node | Outside]


def ends(stack: SynthesizedStack, environments: Environments) -> Ends:
    """The actors of a stack with addresses from the ranges that its data give it."""
    tier, _, cloud = stack.name.partition("-")
    if cloud:
        network = getattr(environments.tiers[tier].clouds, cloud).network
        nodes, pods_range = network.cidr, network.pod_cidr
    else:
        nodes, pods_range = IPv4Network("172.18.0.0/16"), IPv4Network("10.244.0.0/16")
    # Where the subnets of data are, if a store is outside the cluster.
    data = [cidr for database in stack.values("portal")["databases"].values() for cidr in database["cidrs"]]
    stores = {"managed-store": Outside(address=str(IPv4Network(data[0])[9]))} if data else {}
    inside = {
        actor.name: Pod(
            namespace=actor.namespace, labels=actor.labels, address=str(pods_range[10 + number]), ports=actor.ports
        )
        for number, actor in enumerate([*STRANGERS, *pods(stack)])
    }
    node = {"node": Node(name="node", address=str(nodes[10]))}
    api_server = Outside(address=str(nodes[20])) if cloud else Node(name="control-plane", address=str(nodes[20]))
    return Ends(
        sources={
            **inside,
            **node,
            **{name: AROUND[name] for name in ("internet", "corporate")},
            "load-balancer": _load_balancer(cloud, nodes),
            "webhook-caller": _webhook_caller(cloud, nodes, pods_range),
        },
        targets={**inside, **node, **AROUND, **stores, "api-server": api_server},
    )


def _load_balancer(cloud: str, network: IPv4Network) -> Outside:
    """Where requests and health checks come from: Google's front ends, or a subnet of the network."""
    if cloud == "azure":
        return Outside(address=str(regional_subnets(network).edge[5]))
    if cloud == "aws":
        # In the nodes' subnets, with addresses of its own.
        return Outside(address=str(network[40]))
    return Outside(address="35.191.0.9")


def _webhook_caller(cloud: str, nodes: IPv4Network, pods_range: IPv4Network) -> Pod | Node | Outside:
    """Where a call of the API server comes from.

    EKS: its interfaces in the VPC. GKE and AKS: an agent of the tunnel to the control plane, which is a pod of
    kube-system on GKE and uses its node's network on AKS. Source: cilium/cilium issue 31711.
    """
    if cloud == "aws":
        return Outside(address=str(nodes[20]))
    if cloud == "gcp":
        return Pod(namespace="kube-system", labels={"k8s-app": "konnectivity-agent"}, address=str(pods_range[9]))
    return Node(name="system-node", address=str(nodes[30]))

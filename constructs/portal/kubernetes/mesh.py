"""The service mesh: Istio's control plane, the gateway by which requests come in, and who may call whom."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import ISTIO_HUB, CloudServices, Cluster, Ingress
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import ISSUER
from portal.kubernetes.portal import BACKEND, CACHE, FRONTEND
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import OwnChart, ThirdPartyChart
from portal.kubernetes.traffic import Flow, Peer
from portal.spec.environment import KubernetesLayer

KINDS_CHART: Final = "base"
CONTROL_PLANE_CHART: Final = "istiod"
INTERCEPTION_CHART: Final = "cni"
GATEWAY_CHART: Final = "gateway"
CHART: Final = "mesh"

MESHED_NAMESPACES = (ns.PORTAL, ns.CACHE_OPERATOR)
"""Where members live, and where plain text and unnamed callers are refused: the operator configures Redis over the
mesh."""

GATEWAY_PORT: Final = 8443
HEALTH_PORT: Final = 15021
HEALTH_PATH: Final = "/healthz/ready"
"""Where a load balancer asks the gateway whether it is ready."""

PROXY_METRICS_PORT: Final = 15020
"""Metrics of a proxy merged with those of its application, which nothing encrypts: Prometheus is outside the mesh."""

REQUEST_TIMEOUT_SECONDS: Final = 60
STREAM_TIMEOUT_SECONDS: Final = 3600
DRAIN_SECONDS: Final = 45


def flows(cluster: Cluster, services: CloudServices) -> dict[str, tuple[Flow, ...]]:
    """What the mesh's own traffic needs, by namespace; in those of members, for members only."""
    if cluster.provided_mesh:
        cidr, port = cluster.provided_mesh.control_plane
        to_control_plane = Flow(name="allow-mesh", direction="egress", peers=(Peer(cidr=cidr),), ports=(port,))
    else:
        to_control_plane = Flow(name="allow-mesh", direction="egress", peers=(Peer(namespace=ns.MESH),), ports=(15012,))
    of_proxies = (to_control_plane, traffic.scraped(PROXY_METRICS_PORT, name="allow-proxy-scrapes"))
    members = tuple(replace(flow, pods=tuple(ns.MESH_MEMBER.items())) for flow in of_proxies)
    on_nodes = (traffic.DNS, traffic.API_SERVER, traffic.scraped(15014, name="allow-mesh-scrapes"))
    return {
        **({} if cluster.provided_mesh else {ns.NODE_AGENTS: on_nodes}),
        **dict.fromkeys(MESHED_NAMESPACES, members),
        ns.INGRESS: (
            to_control_plane,
            # Probes come in as people do.
            traffic.scraped(GATEWAY_PORT, name="allow-probes"),
            *_into_gateway(services.ingress),
        ),
    }


def _into_gateway(ingress: Ingress | None) -> tuple[Flow, ...]:
    if not ingress:
        return ()
    clients = tuple(Peer(cidr=cidr) for cidr in ingress.client_cidrs)
    return (Flow(name="allow-load-balancer", direction="ingress", peers=clients, ports=(GATEWAY_PORT, HEALTH_PORT)),)


def install_mesh(
    install: Installer, *, certificates: ITerraformDependable, after: Sequence[ITerraformDependable]
) -> tuple[ITerraformDependable, ...]:
    """Kinds, control plane, interception, gateway, rules: what members come after. Nothing where there is no mesh."""
    if not install.layer.mesh:
        return ()
    provided = install.cluster.provided_mesh
    control_plane = list(provided.ready) if provided else [_install_control_plane(install, after=after)]
    ingress = install.services.ingress
    gateway = install.release(
        "gateway",
        chart=ThirdPartyChart(name=GATEWAY_CHART),
        namespace=ns.INGRESS,
        values=gateway_values(cluster=install.cluster, ingress=ingress, highly_available=install.highly_available),
        after=[*control_plane, *after],
    )
    rules = install.release(
        "mesh",
        chart=OwnChart(name=CHART),
        namespace=ns.MESH,
        values=mesh_values(layer=install.layer, cluster=install.cluster, ingress=ingress),
        after=[
            gateway,
            certificates,
            *(ingress.ready if ingress else ()),
            # It brings objects into all of these.
            *(item for name in (*MESHED_NAMESPACES, ns.INGRESS) for item in install.namespaces.ready[name]),
            *(() if provided else install.namespaces.ready[ns.NODE_AGENTS]),
        ],
    )
    return (rules,)


def _install_control_plane(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """Nodes intercept before the first member starts, so that no member runs outside the mesh by accident."""
    kinds = install.release(
        "mesh-kinds", chart=ThirdPartyChart(name=KINDS_CHART), namespace=ns.MESH, values=kinds_values(), after=after
    )
    control_plane = install.release(
        "mesh-control-plane",
        chart=ThirdPartyChart(name=CONTROL_PLANE_CHART),
        namespace=ns.MESH,
        values=control_plane_values(cluster=install.cluster, highly_available=install.highly_available),
        after=[kinds],
    )
    return install.release(
        "mesh-interception",
        chart=ThirdPartyChart(name=INTERCEPTION_CHART),
        namespace=ns.NODE_AGENTS,
        values=interception_values(),
        after=[control_plane],
    )


def kinds_values() -> dict[str, Any]:
    """Values of Istio's base chart: the kinds, and the webhook that refuses malformed ones."""
    return {"global": {"istioNamespace": ns.MESH}, "defaultRevision": "default"}


def control_plane_values(*, cluster: Cluster, highly_available: bool) -> dict[str, Any]:
    """Values of istiod. One replica with the chart's budget could never be drained, hence two where it matters.

    Source: guide, "Service Mesh Integration"; Istio, "Deployment Best Practices".
    """
    return {
        "global": {
            "hub": ISTIO_HUB,
            "meshID": "portal-mesh",
            "network": "portal-network",
            "priorityClassName": SYSTEM,
            "logAsJson": True,
            "defaultPodDisruptionBudget": {"enabled": highly_available},
            # Injected containers have it too, or `restricted` would refuse their pods.
            "proxy": {"seccompProfile": {"type": "RuntimeDefault"}},
        },
        "autoscaleEnabled": highly_available,
        "autoscaleMin": 2 if highly_available else 1,
        "autoscaleMax": 5,
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
        "seccompProfile": {"type": "RuntimeDefault"},
        "nodeSelector": cluster.nodes("system"),
        # Nodes send traffic to the proxies, not privileged init containers.
        "cni": {"enabled": True},
        # Proxies start before their application and stop after it, and do not keep a Job running.
        "env": {"ENABLE_NATIVE_SIDECARS": "true"},
        "meshConfig": {
            "defaultConfig": {"holdApplicationUntilProxyStarts": True},
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
        },
    }


def interception_values() -> dict[str, Any]:
    """Values of istio-cni, which chains itself behind the cluster's own network plugin on every node."""
    return {
        "global": {"hub": ISTIO_HUB, "logAsJson": True},
        "seccompProfile": {"type": "RuntimeDefault"},
        "resources": {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "200Mi"}},
    }


def gateway_values(*, cluster: Cluster, ingress: Ingress | None, highly_available: bool) -> dict[str, Any]:
    """Values of the gateway. Its ports lie above 1023, so that it needs no right that `restricted` refuses."""
    proxy = {
        # So that the address of the client survives the proxies before the gateway, and no client can forge one.
        "gatewayTopology": {"numTrustedProxies": ingress.trusted_proxies if ingress else 0},
        # A load balancer goes on sending until it has noticed that the pod goes; by itself a proxy waits 5 seconds.
        "terminationDrainDuration": f"{DRAIN_SECONDS}s",
    }
    return {
        "autoscaling": {
            "enabled": True,
            "minReplicas": 3 if highly_available else 1,
            "maxReplicas": 10 if highly_available else 3,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2000m", "memory": "1024Mi"}},
        "podDisruptionBudget": {"maxUnavailable": 1} if highly_available else {},
        "podAnnotations": {"proxy.istio.io/config": json.dumps(proxy)},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "service": {
            **_service(ingress),
            "ports": [
                {"name": "status-port", "port": HEALTH_PORT, "targetPort": HEALTH_PORT, "protocol": "TCP"},
                {"name": "https", "port": GATEWAY_PORT, "targetPort": GATEWAY_PORT, "protocol": "TCP"},
            ],
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": GATEWAY_LABELS},
            }
        ],
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 15,
        # The way in, on nodes where nearly all others have this priority and would push it off.
        "priorityClassName": SYSTEM,
        "nodeSelector": cluster.nodes("system"),
    }


GATEWAY_LABELS = {"app": GATEWAY_CHART, "istio": GATEWAY_CHART}
"""What the gateway's chart puts on its pods, after the name of the release."""

OPERATOR_LABELS = {"name": ns.CACHE_OPERATOR}
"""What the Redis operator's chart puts on its pods."""


def _service(ingress: Ingress | None) -> dict[str, Any]:
    """An internal load balancer where the cloud wants one; elsewhere the pods themselves are targets."""
    if ingress is None:
        return {"type": "ClusterIP"}
    annotations = dict(ingress.service_annotations)
    if not ingress.address:
        return {"type": "ClusterIP", "annotations": annotations}
    return {
        "type": "LoadBalancer",
        "loadBalancerIP": ingress.address,
        "annotations": annotations,
        # Else a node would stand for the caller, and network policies could not tell who it is.
        "externalTrafficPolicy": "Local",
    }


def mesh_values(*, layer: KubernetesLayer, cluster: Cluster, ingress: Ingress | None) -> dict[str, Any]:
    """Values of chart mesh. Source: guide, "Network Security Policies", as identities."""
    return {
        "namespaces": [*MESHED_NAMESPACES, ns.INGRESS],
        "gateway": {
            "namespace": ns.INGRESS,
            "name": GATEWAY_CHART,
            "selector": GATEWAY_LABELS,
            "port": GATEWAY_PORT,
        },
        "issuer": ISSUER,
        "portal": {
            "namespace": ns.PORTAL,
            "domain": layer.portal.domain,
            "frontend": FRONTEND,
            "backend": BACKEND,
        },
        "cache": {
            "name": CACHE,
            "operator": {
                "namespace": ns.CACHE_OPERATOR,
                "serviceAccount": ns.CACHE_OPERATOR,
                "labels": OPERATOR_LABELS,
            },
        },
        "controlPlane": None
        if cluster.provided_mesh
        else {"namespace": ns.MESH, "interceptionNamespace": ns.NODE_AGENTS},
        "targetGroup": ingress.target_group if ingress else None,
        "timeoutSeconds": REQUEST_TIMEOUT_SECONDS,
        "streamTimeoutSeconds": STREAM_TIMEOUT_SECONDS,
    }

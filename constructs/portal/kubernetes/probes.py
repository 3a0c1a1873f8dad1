"""The portal seen from outside its pods: the blackbox exporter asks for its health, as people would."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import SELECTED
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import ThirdPartyChart
from portal.spec.workloads import Monitoring

CHART: Final = "prometheus-blackbox-exporter"

MODULE: Final = "http_2xx"

JOB: Final = "portal-probe"
"""Label `job` of what the probes find; chart alerts asks for it."""

PORT: Final = 9115

HEALTH = "/api/health/ready"

NO_NAME: Final = "127.0.0.1"
"""As the name of a TLS server: the exporter would else send that of its target."""


def probed(monitoring: Monitoring) -> bool:
    """Whether the level comes with probes."""
    return monitoring.level == "enterprise"


def install_probes(install: Installer, *, after: Sequence[ITerraformDependable]) -> None:
    """Nothing below level `enterprise`."""
    if not probed(install.layer.monitoring):
        return
    install.release(
        "probes",
        chart=ThirdPartyChart(name=CHART),
        namespace=ns.MONITORING,
        values=values(cluster=install.cluster, domain=install.layer.portal.domain, mesh=install.layer.mesh),
        after=after,
    )


def target(*, mesh: bool) -> str:
    """Health of the portal where requests come in: the gateway, or without one the frontend's Service."""
    return f"https://gateway.{ns.INGRESS}:8443{HEALTH}" if mesh else f"http://portal-frontend.{ns.PORTAL}:4400{HEALTH}"


def values(*, cluster: Cluster, domain: str, mesh: bool) -> dict[str, Any]:
    """Values of the exporter's chart, with the Probe that makes Prometheus ask it.

    Source: guide, "Monitoring Architecture"; blackbox_exporter, "Configuration"; prometheus-operator, Probe.
    """
    return {
        "replicas": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "config": {
            "modules": {
                MODULE: {
                    "prober": "http",
                    "timeout": "5s",
                    # A redirect to a page that says sorry would else be a success.
                    "http": {
                        "preferred_ip_protocol": "ip4",
                        "follow_redirects": False,
                        **(_by_gateway(domain) if mesh else {}),
                    },
                }
            }
        },
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
        "priorityClassName": SYSTEM,
        "nodeSelector": cluster.nodes("system"),
        # The chart's container is restricted but for this.
        "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "serviceMonitor": {"selfMonitor": {"enabled": True, "labels": SELECTED["matchLabels"]}},
        "extraManifests": [probe(mesh=mesh)],
    }


def _by_gateway(domain: str) -> dict[str, Any]:
    """As the load balancer in front asks: for the portal's name, but without any in the handshake, which an address
    brings about (RFC 6066 allows none there), and without verifying a certificate that is the cluster's own."""
    return {"headers": {"Host": domain}, "tls_config": {"server_name": NO_NAME, "insecure_skip_verify": True}}


def probe(*, mesh: bool) -> dict[str, Any]:
    """What Prometheus asks the exporter to ask."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Probe",
        "metadata": {"name": JOB, "namespace": ns.MONITORING, "labels": SELECTED["matchLabels"]},
        "spec": {
            "jobName": JOB,
            "interval": "30s",
            "module": MODULE,
            "prober": {"url": f"{CHART}.{ns.MONITORING}:{PORT}"},
            "targets": {"staticConfig": {"static": [target(mesh=mesh)]}},
        },
    }

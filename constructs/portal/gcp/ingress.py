"""How Google's load balancer will reach the gateway: a network endpoint group of its pods in each zone."""

import json

from portal.kubernetes.contract import Ingress
from portal.kubernetes.mesh import GATEWAY_PORT
from portal.naming import Kind, Naming

FRONT_ENDS = ("35.191.0.0/16", "130.211.0.0/22")
"""Where requests and health checks come from. Source: Cloud Load Balancing, "Firewall rules"."""

TRUSTED_PROXIES = 2
"""The load balancer appends the client's address and its own. Source: its documentation, "X-Forwarded-For header"."""


def gateway_ingress(naming: Naming) -> Ingress:
    """The controller of GKE makes the groups, under a name that is known in advance, and removes them with the Service.

    Source: GKE, "Container-native load balancing through standalone zonal NEGs".
    """
    name = naming.name(Kind.GCP_NAME, "gateway")
    groups = {"exposed_ports": {str(GATEWAY_PORT): {"name": name}}}
    return Ingress(
        client_cidrs=FRONT_ENDS,
        trusted_proxies=TRUSTED_PROXIES,
        service_annotations={"cloud.google.com/neg": json.dumps(groups)},
    )

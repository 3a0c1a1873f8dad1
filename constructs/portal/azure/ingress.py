"""How Azure's load balancers reach the gateway: an internal one with a fixed address, inside the nodes' subnet."""

from portal.kubernetes.contract import Ingress
from portal.kubernetes.mesh import GATEWAY_PORT, HEALTH_PATH, HEALTH_PORT
from portal.spec.clouds import Azure
from portal.subnets import regional_subnets

TRUSTED_PROXIES = 2
"""Front Door and Application Gateway each append an address."""

FROM_THE_END = 10
"""Which address of the nodes' subnet, counted from its end: nodes take theirs from the beginning."""


def gateway_ingress(cloud: Azure) -> Ingress:
    """The address is known in advance, so that Application Gateway can name it before the cluster exists.

    Source: AKS, "Use an internal load balancer"; cloud-provider-azure, "LoadBalancer annotations".
    """
    ranges = regional_subnets(cloud.network.cidr)
    address = str(ranges.nodes[-FROM_THE_END])
    prefix = "service.beta.kubernetes.io"
    probe = f"{prefix}/port_{GATEWAY_PORT}_health-probe"
    return Ingress(
        client_cidrs=(str(ranges.edge),),
        trusted_proxies=TRUSTED_PROXIES,
        address=address,
        service_annotations={
            f"{prefix}/azure-load-balancer-internal": "true",
            f"{prefix}/azure-load-balancer-ipv4": address,
            f"{probe}_protocol": "Http",
            f"{probe}_port": str(HEALTH_PORT),
            f"{probe}_request-path": HEALTH_PATH,
        },
    )

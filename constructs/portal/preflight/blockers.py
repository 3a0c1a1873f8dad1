"""What in the data must be changed before a stack can be deployed."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from portal.preflight.addresses import SubnetUse
from portal.spec.clouds import PublicApi
from portal.spec.environment import Environment, KubernetesLayer
from portal.spec.shared import Shared

DOCUMENTATION_RANGES = tuple(map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
"""RFC 5737: addresses that belong to nobody."""


def layer_blockers(layer: KubernetesLayer) -> Iterator[str]:
    """Reasons not to deploy that every stack of a tier shares."""
    for name in ("frontend", "backend"):
        image = getattr(layer.portal, name).image
        if image.example:
            yield (
                f"portal.{name}.image is an example: push the image, put its digest there and remove `example: true`"
            )
    sign_in = layer.portal.sign_in
    if sign_in.provider == "oidc" and ".example.com" in sign_in.issuer:
        yield f"portal.sign_in.issuer = {sign_in.issuer} is reserved for documentation (RFC 2606): put your provider's"
    if layer.portal.domain.endswith(".example.com"):
        yield f"portal.domain = {layer.portal.domain} is reserved for documentation (RFC 2606): put your own"


def cloud_blockers(environment: Environment, cloud: str) -> Iterator[str]:
    """Reasons not to deploy that come from one cloud's block."""
    cluster = getattr(environment.clouds, cloud).cluster
    if isinstance(cluster, PublicApi):
        for cidr in cluster.api_allowed_cidrs:
            if any(cidr.subnet_of(example) for example in DOCUMENTATION_RANGES):
                yield (
                    f"clouds.{cloud}.cluster.api_allowed_cidrs has {cidr}, reserved for documentation (RFC 5737): "
                    "put the networks of your people and runners, or nobody can install the releases"
                )


def shared_blockers(shared: Shared) -> Iterator[str]:
    """Reasons not to deploy the stacks that all environments of AWS share."""
    if shared.repository.startswith("example-org/"):
        yield f"repository = {shared.repository} is an example: put the one whose jobs may deploy"
    cloud = shared.clouds.aws
    if cloud.zone == "example.com" or cloud.zone.endswith(".example.com"):
        yield f"clouds.aws.zone = {cloud.zone} is reserved for documentation (RFC 2606): put your own"
    for address in cloud.budget.alert_emails:
        if address.endswith("@example.com"):
            yield f"clouds.aws.budget.alert_emails has {address}, which nobody reads (RFC 2606): put your own"


def address_blockers(subnets: Iterable[SubnetUse]) -> Iterator[str]:
    """Subnets in which a node, a pod or a load balancer would one day find no address."""
    for subnet in subnets:
        if subnet.too_small:
            field = "pod_cidr" if "pods" in subnet.taken else "cidr"
            takers = ", ".join(f"{by} {count}" for by, count in subnet.taken.items())
            yield (
                f"clouds.aws.network.{field} gives subnet {subnet.name} ({subnet.cidr}) {subnet.available} addresses, "
                f"and at maximum scale it takes {subnet.needed} ({takers}): widen the range or lower nodes.*.max"
            )

"""Subnet arithmetic: how a network's range is divided. The one place that does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network


@dataclass(frozen=True, kw_only=True)
class ZonalSubnets:
    """Ranges of one zone."""

    nodes: IPv4Network
    public: IPv4Network
    data: IPv4Network


def zonal_subnets(cidr: IPv4Network, zones: Sequence[str]) -> dict[str, ZonalSubnets]:
    """Divides `cidr` for at most three zones (AWS: a subnet lies in one zone).

    Nodes get a quarter of the range in each zone; the last quarter is divided into sixteenths, the first three for the
    public subnets and the next three for the data subnets. Zones keep their ranges when others are added after them.
    """
    *nodes, rest = cidr.subnets(prefixlen_diff=2)
    small = list(rest.subnets(prefixlen_diff=4))
    return {
        zone: ZonalSubnets(nodes=nodes[index], public=small[index], data=small[3 + index])
        for index, zone in enumerate(zones)
    }


def pod_subnets(cidr: IPv4Network, zones: Sequence[str]) -> dict[str, IPv4Network]:
    """Divides the pod range for at most four zones (AWS)."""
    return dict(zip(zones, cidr.subnets(prefixlen_diff=2), strict=False))


@dataclass(frozen=True, kw_only=True)
class RegionalSubnets:
    """Ranges of subnets that span the zones of a region (Azure, Google Cloud)."""

    nodes: IPv4Network
    data: IPv4Network
    edge: IPv4Network


def regional_subnets(cidr: IPv4Network) -> RegionalSubnets:
    """Nodes get the lower half of `cidr`; of the upper half the first eighth is for data, the second for what requests
    come in by, the rest is free."""
    nodes, rest = cidr.subnets(prefixlen_diff=1)
    data, edge, *_ = rest.subnets(prefixlen_diff=3)
    return RegionalSubnets(nodes=nodes, data=data, edge=edge)

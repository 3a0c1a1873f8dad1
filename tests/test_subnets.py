"""Subnet arithmetic: parts lie inside the whole, do not overlap, and stay where they are."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from portal.subnets import pod_subnets, regional_subnets, zonal_subnets

ZONES = ("a", "b", "c")


@pytest.mark.parametrize("prefix", range(16, 21))
def test_zonal_subnets_divide_the_range_without_overlap(prefix: int) -> None:
    whole = IPv4Network((0x0A1E0000, prefix))
    parts = [part for zone in zonal_subnets(whole, ZONES).values() for part in (zone.nodes, zone.public, zone.data)]
    assert len(parts) == 9
    assert all(part.subnet_of(whole) for part in parts)
    assert not any(a.overlaps(b) for a, b in combinations(parts, 2))


def test_the_smallest_network_still_fits_what_aws_needs_in_a_subnet() -> None:
    zone = zonal_subnets(IPv4Network("10.0.0.0/20"), ZONES)["c"]
    # A load balancer wants 8 free addresses, AWS keeps 5 of each subnet, /28 is the smallest there is.
    assert zone.public.prefixlen <= 28 - 2
    assert zone.data.prefixlen <= 28


def test_a_zone_keeps_its_ranges_when_another_comes_after_it() -> None:
    cidr = IPv4Network("10.0.0.0/16")
    assert zonal_subnets(cidr, ("a", "b"))["b"] == zonal_subnets(cidr, ZONES)["b"]
    assert pod_subnets(cidr, ("a", "b"))["b"] == pod_subnets(cidr, ZONES)["b"]


def test_each_zone_gets_a_quarter_for_nodes() -> None:
    ranges = zonal_subnets(IPv4Network("10.0.0.0/16"), ZONES)
    assert [str(zone.nodes) for zone in ranges.values()] == ["10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"]


def test_regional_subnets_lie_apart() -> None:
    ranges = regional_subnets(IPv4Network("10.0.0.0/16"))
    assert not ranges.nodes.overlaps(ranges.data)
    assert ranges.nodes.num_addresses > ranges.data.num_addresses

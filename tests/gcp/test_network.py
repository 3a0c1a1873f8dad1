"""The VPC: private addresses, one way out, no way in."""

from ipaddress import IPv4Network

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = pytest.mark.parametrize("tier", ["dev", "staging", "prod"])


@TIERS
def test_nodes_and_pods_leave_by_nat_alone(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    cluster = environment.one("google_container_cluster")
    subnet = environment.one("google_compute_subnetwork")
    nat = environment.one("google_compute_router_nat")
    assert cluster["private_cluster_config"]["enable_private_nodes"] is True
    assert not environment.all("google_compute_address")
    assert subnet.address in environment.references(cluster)
    (translated,) = nat["subnetwork"]
    assert subnet.address in translated["name"]
    assert translated["source_ip_ranges_to_nat"] == ["PRIMARY_IP_RANGE", "LIST_OF_SECONDARY_IP_RANGES"]
    assert translated["secondary_ip_range_names"] == [cluster["ip_allocation_policy"]["cluster_secondary_range_name"]]


@TIERS
def test_nothing_comes_in(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    assert environment.one("google_compute_network")["auto_create_subnetworks"] is False
    doors = ("google_compute_firewall", "google_compute_forwarding_rule", "google_compute_global_forwarding_rule")
    assert not [resource.address for door in doors for resource in environment.all(door)]


@TIERS
def test_pods_and_services_have_the_ranges_of_the_data(stack: StackOf, environments: Environments, tier: str) -> None:
    network = environments.tiers[tier].clouds.gcp.network
    environment = stack(f"{tier}-gcp")
    subnet = environment.one("google_compute_subnetwork")
    ranges = {r["range_name"]: IPv4Network(r["ip_cidr_range"]) for r in subnet["secondary_ip_range"]}
    uses = environment.one("google_container_cluster")["ip_allocation_policy"]
    assert ranges[uses["cluster_secondary_range_name"]] == network.pod_cidr
    assert ranges[uses["services_secondary_range_name"]] == network.service_cidr
    assert IPv4Network(subnet["ip_cidr_range"]).subnet_of(network.cidr)


def test_nodes_leave_room_for_data_services(stack: StackOf, environments: Environments) -> None:
    subnet = stack("prod-gcp").one("google_compute_subnetwork")
    assert IPv4Network(subnet["ip_cidr_range"]) != environments.tiers["prod"].clouds.gcp.network.cidr


def test_google_apis_are_reached_inside_googles_network(stack: StackOf) -> None:
    assert stack("prod-gcp").one("google_compute_subnetwork")["private_ip_google_access"] is True


def test_flows_and_refused_translations_are_logged(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    assert prod.one("google_compute_subnetwork")["log_config"]["flow_sampling"] > 0
    assert prod.one("google_compute_router_nat")["log_config"]["enable"] is True


def test_the_cluster_lives_only_while_there_is_a_way_out(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    nat = prod.one("google_compute_router_nat")
    assert nat.address in prod.comes_after(prod.one("google_container_cluster"))

"""Ranges of addresses, what has to fit into them, and who is let in."""

import math
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from itertools import combinations

from portal.spec.clouds import Clouds, Network, PublicApi
from portal.spec.environment import Environment
from portal.spec.problems import Path, Problem
from portal.subnets import pod_subnets

WIDEST_PREFIX = 8
"""Of a range that may reach an API server: no organization's own is larger, and halves of the internet are."""

AZURE_UPGRADE_SURGE = 0.33
"""Share of extra nodes while a pool is upgraded."""

AWS_KEEPS = 5
"""Addresses of every subnet. Source: VPC user guide, "Subnet CIDR blocks"."""

AWS_PODS_PER_NODE = 110
"""What EKS lets run on machines of our sizes. Source: EKS user guide, "Choose an optimal EC2 instance type"."""


def aws_ranges_are_apart(environment: Environment) -> Iterator[Problem]:
    yield from _ranges("aws", environment.clouds.aws.network)


def gcp_ranges_are_apart(environment: Environment) -> Iterator[Problem]:
    yield from _ranges("gcp", environment.clouds.gcp.network)


def azure_ranges_are_apart(environment: Environment) -> Iterator[Problem]:
    yield from _ranges("azure", environment.clouds.azure.network)


def _ranges(cloud: str, network: Network) -> Iterator[Problem]:
    """Clouds refuse some of it in the middle of a deploy, and no range can grow once pods live in it."""
    place: Path = ("clouds", cloud, "network")
    sizes = {"cidr": (16, 20), "pod_cidr": (10, 19), "service_cidr": (12, 20)}
    for field, (largest, smallest) in sizes.items():
        cidr = getattr(network, field)
        if not largest <= cidr.prefixlen <= smallest:
            rule = f"must be between /{largest} and /{smallest}, so that zones, nodes and pods at full scale fit"
            yield Problem(path=(*place, field), value=cidr, rule=rule)
        if not cidr.is_private and not cidr.subnet_of(IPv4Network("100.64.0.0/10")):
            yield Problem(
                path=(*place, field), value=cidr, rule="must be private (RFC 1918) or shared (RFC 6598) space"
            )
    for earlier, later in combinations(sizes, 2):
        a, b = getattr(network, earlier), getattr(network, later)
        if a.overlaps(b):
            rule = f"overlaps clouds.{cloud}.network.{earlier} ({a}); choose ranges that do not overlap"
            yield Problem(path=(*place, later), value=b, rule=rule)


def azure_pods_fit(environment: Environment) -> Iterator[Problem]:
    """The overlay gives each node a /24. Source: AKS, "Azure CNI Overlay networking", IP address planning."""
    cidr = environment.clouds.azure.network.pod_cidr
    nodes = sum(group.max for group in environment.nodes.values())
    needed = nodes + math.ceil(nodes * AZURE_UPGRADE_SURGE)
    if cidr.prefixlen <= 24 and 2 ** (24 - cidr.prefixlen) < needed:
        rule = f"is too small: each of up to {needed} nodes, those of an upgrade included, takes a /24 of it"
        yield Problem(path=("clouds", "azure", "network", "pod_cidr"), value=cidr, rule=rule)


def aws_api_is_not_open(environment: Environment) -> Iterator[Problem]:
    yield from _api_is_not_open(environment, "aws", environment.clouds.aws.cluster)


def aws_portal_has_one_way_in(environment: Environment) -> Iterator[Problem]:
    """The load balancer is inside: routed networks reach it, or CloudFront alone does."""
    cloud = environment.clouds.aws
    for index, cidr in enumerate(cloud.portal_allowed_cidrs):
        path: Path = ("clouds", "aws", "portal_allowed_cidrs", index)
        if cloud.edge:
            yield Problem(path=path, value=cidr, rule="has no effect beside clouds.aws.edge; remove one of them")
        elif not cidr.is_private:
            yield Problem(path=path, value=cidr, rule="must be a private network: none but those are routed to the VPC")


def azure_api_is_not_open(environment: Environment) -> Iterator[Problem]:
    yield from _api_is_not_open(environment, "azure", environment.clouds.azure.cluster)


def _api_is_not_open(environment: Environment, cloud: str, api: PublicApi) -> Iterator[Problem]:
    """dev may be: who tries something out has no fixed address, and identity is checked all the same."""
    if environment.tier == "dev":
        return
    for index, cidr in enumerate(api.api_allowed_cidrs):
        if cidr.prefixlen < WIDEST_PREFIX:
            yield Problem(
                path=("clouds", cloud, "cluster", "api_allowed_cidrs", index),
                value=cidr,
                rule=f"opens the API server of {environment.tier} to the internet; list your networks and runners, "
                f"none wider than /{WIDEST_PREFIX}",
            )


def routed_ranges_are_apart(environments: Mapping[str, Environment]) -> Iterator[tuple[str, Problem]]:
    """Across files: networks that can reach each other have different ranges. Yields (tier of the file, problem)."""
    for (earlier, a), (later, b) in combinations(environments.items(), 2):
        for cloud in Clouds.model_fields:
            ours, theirs = getattr(b.clouds, cloud).network, getattr(a.clouds, cloud).network
            if ours.routing_domain != theirs.routing_domain:
                continue
            for field, cidr in ours.routed.items():
                for other_field, other in theirs.routed.items():
                    if cidr.overlaps(other):
                        rule = (
                            f"overlaps clouds.{cloud}.network.{other_field} of {earlier} ({other}), "
                            f"which shares the routing domain {ours.routing_domain}"
                        )
                        yield later, Problem(path=("clouds", cloud, "network", field), value=cidr, rule=rule)


def aws_pods_fit(environment: Environment) -> Iterator[Problem]:
    """With one zone out, the other two hold all nodes. (Node subnets fit by the size that the range must have.)"""
    network = environment.clouds.aws.network
    nodes = sum(group.max for group in environment.nodes.values())
    needed = math.ceil(nodes / 2) * AWS_PODS_PER_NODE
    of_zones = pod_subnets(network.pod_cidr, environment.clouds.aws.zones).values()
    has = min(subnet.num_addresses for subnet in of_zones) - AWS_KEEPS
    if has < needed:
        rule = (
            f"is too small: a zone's quarter of it holds {has} addresses, and {needed} pods may run there "
            f"({nodes} nodes at most, one zone out, {AWS_PODS_PER_NODE} pods each)"
        )
        yield Problem(path=("clouds", "aws", "network", "pod_cidr"), value=network.pod_cidr, rule=rule)


FARGATE_NEEDS = ("ecr.api", "ecr.dkr", "logs")
"""Endpoints by which a pod without another way out gets its image and keeps its output. Source: EKS user guide,
"Deploy private clusters with limited internet access"."""


def aws_load_generators_can_start(environment: Environment) -> Iterator[Problem]:
    """On Fargate a pod reaches the load balancer and endpoints, and nothing else."""
    aws = environment.clouds.aws
    if aws.load_generators != "fargate":
        return
    path: Path = ("clouds", "aws", "load_generators")
    if not environment.mesh:
        yield Problem(
            path=path, value="fargate", rule="needs mesh: true, without which there is no load balancer to load"
        )
    if lacking := [service for service in FARGATE_NEEDS if service not in aws.network.interface_endpoints]:
        rule = f"lacks {', '.join(lacking)}, by which load_generators: fargate gets its images and keeps its logs"
        yield Problem(
            path=("clouds", "aws", "network", "interface_endpoints"),
            value=", ".join(aws.network.interface_endpoints) or "[]",
            rule=rule,
        )
    test = environment.load_test
    registry = f".dkr.ecr.{aws.region}.amazonaws.com/"
    if test and registry not in test.image.repository:
        rule = f"must lie in ECR of this region (<account>{registry}...): load_generators: fargate reaches no other"
        yield Problem(path=("load_test", "image", "repository"), value=test.image.repository, rule=rule)


def a_private_api_has_a_way_in(environment: Environment) -> Iterator[Problem]:
    aws = environment.clouds.aws
    if not aws.cluster.api_allowed_cidrs and aws.ops_host is None:
        rule = "is empty, so the API server has no public address; people then need clouds.aws.ops_host to reach it"
        yield Problem(path=("clouds", "aws", "cluster", "api_allowed_cidrs"), value="[]", rule=rule)

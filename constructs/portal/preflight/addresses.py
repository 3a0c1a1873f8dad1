"""The IP addresses of each subnet: how many there are, and what takes them at maximum scale."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from math import ceil

from portal.preflight.fargate import fargate_pods
from portal.preflight.machines import node_groups
from portal.preflight.quotas import cache_nodes
from portal.preflight.stack import AwsStack
from portal.spec.rules.network import AWS_KEEPS
from portal.synthesis import PlannedResource

CONTROL_PLANE_NEEDS = 6
"""In each subnet of a cluster. Source: EKS user guide, "Networking requirements for VPC and subnets"."""

LOAD_BALANCER_NEEDS = 8
"""Free in each of its subnets, to grow. Source: Elastic Load Balancing, "Application Load Balancers", subnets."""

PREFIXES = re.compile(r'"ENABLE_PREFIX_DELEGATION" = "true"')
"""In the vpc-cni addon's values, as Terraform's `jsonencode` holds them."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Some addresses of one subnet, and what takes them."""

    subnet: PlannedResource
    by: str
    count: int


@dataclass(frozen=True, kw_only=True)
class SubnetUse:
    """One subnet. `available`: its addresses without those that AWS keeps. `taken`: by what, at maximum scale."""

    name: str
    cidr: str
    zone: str
    available: int
    taken: dict[str, int]

    @property
    def needed(self) -> int:
        return sum(self.taken.values())

    @property
    def too_small(self) -> bool:
        return self.needed > self.available


def subnet_uses(stack: AwsStack) -> list[SubnetUse]:
    """Every subnet of the stack, by name."""
    taken: dict[str, dict[str, int]] = defaultdict(dict)
    for each in _everything(stack):
        if each.count:
            of_subnet = taken[each.subnet.address]
            of_subnet[each.by] = of_subnet.get(each.by, 0) + each.count
    return [
        SubnetUse(
            name=subnet.name,
            cidr=subnet.body["cidr_block"],
            zone=subnet.body["availability_zone"],
            available=IPv4Network(subnet.body["cidr_block"]).num_addresses - AWS_KEEPS,
            taken=taken[subnet.address],
        )
        for subnet in stack.all("aws_subnet")
    ]


def _everything(stack: AwsStack) -> Iterator[Taken]:
    yield from _nodes_and_pods(stack)
    yield from _fargate(stack)
    yield from _entrances(stack)
    yield from _databases(stack)
    yield from _caches(stack)
    yield from _functions(stack)
    for type, argument, by in (
        ("aws_nat_gateway", "subnet_id", "NAT"),
        ("aws_efs_mount_target", "subnet_id", "files"),
        ("aws_instance", "subnet_id", "machines"),
        ("aws_vpc_endpoint", "subnet_ids", "endpoints"),
    ):
        for resource in stack.all(type):
            for subnet in stack.referred(resource.body.get(argument), "aws_subnet"):
                yield Taken(subnet=subnet, by=by, count=1)


def _nodes_and_pods(stack: AwsStack) -> Iterator[Taken]:
    """A node has one address in its own subnet; its pods have theirs in the zone's pod subnet, where there is one."""
    plugins = [addon for addon in stack.all("aws_eks_addon") if addon.body["addon_name"] == "vpc-cni"]
    values = [plugin.body.get("configuration_values") or "" for plugin in plugins]
    pod_subnets = {subnet.body["availability_zone"]: subnet for subnet in stack.referred(values, "aws_subnet")}
    prefixes = any(PREFIXES.search(each) for each in values)
    for group in node_groups(stack):
        addresses = group.machine.pod_addresses(prefixes=prefixes, apart=bool(pod_subnets))
        for subnet in group.subnets:
            yield Taken(subnet=subnet, by="nodes", count=group.most_in_a_zone)
            pods = pod_subnets.get(subnet.body["availability_zone"], subnet)
            yield Taken(subnet=pods, by="pods", count=group.most_in_a_zone * addresses)


def _fargate(stack: AwsStack) -> Iterator[Taken]:
    for pods in fargate_pods(stack):
        for subnet in pods.subnets:
            yield Taken(subnet=subnet, by="Fargate pods", count=ceil(pods.count / len(pods.subnets)))


def _entrances(stack: AwsStack) -> Iterator[Taken]:
    """Control planes and load balancers; and CloudFront, which puts an interface of its own beside a load balancer."""
    for cluster in stack.all("aws_eks_cluster"):
        for subnet in stack.referred(cluster.body["vpc_config"]["subnet_ids"], "aws_subnet"):
            yield Taken(subnet=subnet, by="control plane", count=CONTROL_PLANE_NEEDS)
    for balancer in stack.all("aws_lb"):
        for subnet in stack.referred(balancer.body["subnets"], "aws_subnet"):
            yield Taken(subnet=subnet, by="load balancer", count=LOAD_BALANCER_NEEDS)
    for origin in stack.all("aws_cloudfront_vpc_origin"):
        for balancer in stack.referred(origin.body["vpc_origin_endpoint_config"], "aws_lb"):
            for subnet in stack.referred(balancer.body["subnets"], "aws_subnet"):
                yield Taken(subnet=subnet, by="CloudFront", count=1)


def _databases(stack: AwsStack) -> Iterator[Taken]:
    """RDS chooses the zones of instance and standby, so each may come to lie in any of the group's subnets."""
    for database in stack.all("aws_db_instance"):
        (holder,) = stack.referred(database.body.get("replicate_source_db"), "aws_db_instance") or (database,)
        for subnet in _group_subnets(stack, holder.body["db_subnet_group_name"], "aws_db_subnet_group"):
            yield Taken(subnet=subnet, by="databases", count=1)


def _caches(stack: AwsStack) -> Iterator[Taken]:
    for cache in stack.all("aws_elasticache_replication_group"):
        subnets = _group_subnets(stack, cache.body["subnet_group_name"], "aws_elasticache_subnet_group")
        for subnet in subnets:
            yield Taken(subnet=subnet, by="caches", count=ceil(cache_nodes(cache) / len(subnets)))


def _group_subnets(stack: AwsStack, name: str, type: str) -> tuple[PlannedResource, ...]:
    (group,) = stack.referred(name, type)
    return stack.referred(group.body["subnet_ids"], "aws_subnet")


def _functions(stack: AwsStack) -> Iterator[Taken]:
    """One interface for each pair of subnet and security groups, however many functions share it.

    Source: Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC".
    """
    settings = [function.body.get("vpc_config") or {} for function in stack.all("aws_lambda_function")]
    pairs = {
        (subnet.address, tuple(sorted(setting["security_group_ids"])))
        for setting in settings
        for subnet in stack.referred(setting.get("subnet_ids"), "aws_subnet")
    }
    for address, _ in sorted(pairs):
        yield Taken(subnet=stack.resources[address], by="functions", count=1)

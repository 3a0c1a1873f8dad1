"""Machines and the zones that they stand in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from portal.spec.clouds import NODE_GROUPS, AwsNodes, AzureNodes
from portal.spec.environment import Environment
from portal.spec.problems import Problem, min_above_max


def every_node_group_is_sized(environment: Environment) -> Iterator[Problem]:
    """Pods name their group, and would wait for ever for one that is not there."""
    for name in NODE_GROUPS:
        if name not in environment.nodes:
            rule = f"lacks the node group {name}; the platform needs {', '.join(NODE_GROUPS)}"
            yield Problem(path=("nodes",), value=None, rule=rule, show_value=False)
    for name, group in environment.nodes.items():
        if group.min > group.max:
            yield min_above_max(("nodes", name, "min"), group.min, group.max)


def each_instance_has_a_node_in_its_zone(environment: Environment) -> Iterator[Problem]:
    """Instances stand in different zones, and so do the fewest nodes. An autoscaler would not add the missing one: it
    takes a new node of a group over several zones to be like those that are there (kubernetes/autoscaler#1681)."""
    data = environment.data
    instances = max(data.portal_db.instances, data.portal_cache.replicas)
    group = environment.nodes.get("memory-optimized")
    if group and group.min < instances:
        rule = f"must be at least {instances}, a node for each instance of portal-db and portal-cache: one a zone"
        yield Problem(path=("nodes", "memory-optimized", "min"), value=group.min, rule=rule)


def aws_nodes_match(environment: Environment) -> Iterator[Problem]:
    yield from _machines_match(environment, "aws", "instance_type", environment.clouds.aws.nodes)


def azure_nodes_match(environment: Environment) -> Iterator[Problem]:
    yield from _machines_match(environment, "azure", "vm_size", environment.clouds.azure.nodes)


def _machines_match(
    environment: Environment, cloud: str, field: str, machines: Mapping[Any, AwsNodes | AzureNodes]
) -> Iterator[Problem]:
    """Every group has a machine here, and of one architecture on every cloud: images are built for that."""
    for name in NODE_GROUPS:
        if name not in machines:
            rule = f"lacks the node group {name}, which nodes.{name} sizes"
            yield Problem(path=("clouds", cloud, "nodes"), value=None, rule=rule, show_value=False)
    for name, machine in machines.items():
        value = getattr(machine, field)
        wanted = environment.nodes[name].architecture if name in environment.nodes else None
        actual = machine_architecture(value)
        if wanted and actual != wanted:
            rule = f"is {actual}, but nodes.{name}.architecture is {wanted}"
            yield Problem(path=("clouds", cloud, "nodes", name, field), value=value, rule=rule)


def machine_architecture(machine: str) -> str:
    """`amd64` or `arm64`, from the name of an EC2 instance type or an Azure VM size.

    EC2: a `g` right after the generation (m7g, c7gn; a1 is the one old exception). Azure: a `p` among the feature
    letters after the number of vCPUs (D4ps_v6). Sources: the EC2 and Azure pages on naming conventions.
    """
    if machine.startswith("Standard_"):
        features = re.match(r"Standard_[A-Z]+\d+([a-z]*)", machine)
        return "arm64" if features and "p" in features[1] else "amd64"
    return "arm64" if re.match(r"(a1|[a-z]+\d+g[a-z]*)\.", machine) else "amd64"


def the_ops_host_is_awake_for_a_while(environment: Environment) -> Iterator[Problem]:
    """It may wake in the evening and sleep in the morning: somebody works at night."""
    host = environment.clouds.aws.ops_host
    if host and host.wakes_at_hour == host.sleeps_at_hour:
        rule = f"must differ from wakes_at_hour ({host.wakes_at_hour}): it would be sent to sleep as it wakes"
        yield Problem(path=("clouds", "aws", "ops_host", "sleeps_at_hour"), value=host.sleeps_at_hour, rule=rule)


def aws_zones_are_in_the_region(environment: Environment) -> Iterator[Problem]:
    aws = environment.clouds.aws
    yield from _zones("aws", aws.zones, f"{aws.region} and one letter", re.escape(aws.region) + "[a-z]")


def azure_zones_differ(environment: Environment) -> Iterator[Problem]:
    yield from _zones("azure", environment.clouds.azure.zones, "1, 2 or 3", "[123]")


def _zones(cloud: str, zones: tuple[str, ...], form: str, pattern: str) -> Iterator[Problem]:
    for index, zone in enumerate(zones):
        path = ("clouds", cloud, "zones", index)
        if not re.fullmatch(pattern, zone):
            yield Problem(path=path, value=zone, rule=f"is not a zone of the region: a zone here is {form}")
        if zone in zones[:index]:
            yield Problem(path=path, value=zone, rule="is listed twice; three different zones are needed")

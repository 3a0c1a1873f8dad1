"""What EC2 machines are: vCPUs, and the addresses that they can take."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Annotated

from pydantic import Field

from portal.errors import PortalError
from portal.preflight.stack import AwsStack
from portal.spec.loader import load
from portal.spec.rules.network import AWS_PODS_PER_NODE
from portal.spec.types import Several, Spec
from portal.synthesis import PlannedResource

FILE = Path(__file__).parent / "machines.yaml"

PREFIX_ADDRESSES = 16
"""Of one prefix that the VPC CNI asks for. Source: EKS user guide, "Assign more IP addresses to nodes"."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An EC2 machine type."""

    vcpus: int
    interfaces: int
    addresses: int
    """IPv4 addresses of each interface, its own one included."""

    @property
    def pods(self) -> int:
        """The most pods that a managed node group lets on it, where the VPC CNI hands out blocks of addresses.

        Source: EKS user guide, "Assign more IP addresses to Amazon EKS nodes with prefixes", considerations.
        """
        return AWS_PODS_PER_NODE if self.vcpus < 30 else 250

    def pod_addresses(self, *, prefixes: bool, apart: bool) -> int:
        """The most addresses that the VPC CNI takes for the pods of a full node, out of the subnet of the pods.

        `prefixes`: in blocks of 16, and one block more is held ready; else whole interfaces are filled. `apart`: in
        subnets of their own, so that the first interface, with the node's address, has none.

        Source: amazon-vpc-cni-k8s, docs/eni-and-ip-target.md, docs/prefix-and-ip-target.md; EKS user guide, "Custom
        networking".
        """
        interfaces = self.interfaces - apart
        if not prefixes:
            return interfaces * self.addresses - (not apart)
        slots = self.addresses - 1
        blocks = min(ceil(self.pods / PREFIX_ADDRESSES) + 1, interfaces * slots)
        return blocks * PREFIX_ADDRESSES + ceil(blocks / slots) - (not apart)


class Families(Spec):
    """Machine families of one shape: by size vCPUs, interfaces, addresses of each."""

    families: Several[str]
    sizes: dict[str, Annotated[Several[int], Field(min_length=3, max_length=3)]]


class Machines(Spec):
    """The data file."""

    machines: Several[Families]


@cache
def known_machines() -> Mapping[str, Machine]:
    """Every machine of the data file by its type, such as `m7i.large`."""
    return {
        f"{family}.{size}": Machine(vcpus=vcpus, interfaces=interfaces, addresses=addresses)
        for row in load(FILE, Machines).machines
        for family in row.families
        for size, (vcpus, interfaces, addresses) in row.sizes.items()
    }


def machine(type: str, *, of: PlannedResource) -> Machine:
    """Looks a machine type up. Raises `PortalError` for one that the data file lacks."""
    try:
        return known_machines()[type]
    except KeyError:
        raise PortalError(
            f"{of.address} has machines of type {type}, which constructs/portal/preflight/machines.yaml does not know. "
            f"Add its vCPUs, interfaces and addresses there: aws ec2 describe-instance-types --instance-types {type}"
        ) from None


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """A managed node group at its largest. `surge`: nodes that EKS adds while it replaces the others."""

    name: str
    machine: Machine
    subnets: tuple[PlannedResource, ...]
    max: int
    surge: int

    @property
    def most_in_a_zone(self) -> int:
        """While nodes are replaced, or with all of them in the zones that are left when one is out."""
        zones = len(self.subnets)
        return max(ceil(self.max / max(zones - 1, 1)), ceil((self.max + self.surge) / zones))


def node_groups(stack: AwsStack) -> list[NodeGroup]:
    """Every node group, with the machine that its launch template names.

    Source: EKS user guide, "Understand each phase of node updates", scale up phase.
    """
    return [_node_group(stack, group) for group in stack.all("aws_eks_node_group")]


def _node_group(stack: AwsStack, group: PlannedResource) -> NodeGroup:
    most: int = group.body["scaling_config"]["max_size"]
    update = group.body.get("update_config", {})
    unavailable = ceil(most * update.get("max_unavailable_percentage", 0) / 100) or update.get("max_unavailable", 1)
    subnets = stack.referred(group.body["subnet_ids"], "aws_subnet")
    (template,) = stack.referred(group.body["launch_template"], "aws_launch_template")
    return NodeGroup(
        name=group.body["node_group_name"],
        machine=machine(template.body["instance_type"], of=group),
        subnets=subnets,
        max=most,
        surge=max(2 * len(subnets), unavailable),
    )

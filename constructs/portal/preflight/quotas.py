"""What a stack takes of the account's quotas, beside what AWS gives a new account."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from math import ceil
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from portal.errors import PortalError
from portal.preflight.fargate import fargate_pods
from portal.preflight.machines import machine, node_groups
from portal.preflight.stack import AwsStack, Place
from portal.spec.loader import load
from portal.spec.types import Several, Spec
from portal.synthesis import PlannedResource

FILE = Path(__file__).parent / "quotas.yaml"

UNRESERVED_CONCURRENCY = 100
"""What Lambda insists on leaving to functions that reserve nothing.

Source: Lambda developer guide, "Configuring reserved concurrency".
"""

Measure = Literal[
    "cache-nodes",
    "database-storage-gib",
    "fargate-vcpus",
    "function-concurrency",
    "gateway-endpoints",
    "interface-endpoints-per-vpc",
    "nat-gateways-per-zone",
    "nodes-per-group",
    "rules-per-security-group",
    "standard-vcpus",
]


class Quota(Spec):
    """One quota of one service, in Service Quotas' own codes."""

    service: str
    code: str | None = Field(pattern=r"^L-[0-9A-F]{8}$")
    name: str
    default: int = Field(description="Of a new account.")
    asked_in: str | None = Field(default=None, description="The region that keeps the quota of a global service.")
    types: Several[str] | None = Field(default=None, description="What counts towards it, one each.")
    measure: Measure | None = Field(default=None, description="What counts towards it, where that is no plain count.")

    @model_validator(mode="after")
    def _counts_in_one_way(self) -> "Quota":
        if (self.types is None) == (self.measure is None):
            raise PydanticCustomError("quota", "must have either types or a measure")
        return self


class Quotas(Spec):
    """The data file."""

    quotas: Several[Quota]
    prefix_list_rules: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Use:
    """An amount in one place, and how it comes about where that is not plain."""

    place: Place
    amount: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the stack takes of one quota in one account and region."""

    quota: Quota
    place: Place
    amount: int
    reason: str

    @property
    def above_default(self) -> bool:
        return self.amount > self.quota.default


@cache
def known_quotas() -> Quotas:
    """The data file. Raises like `portal.spec.loader.load`."""
    return load(FILE, Quotas)


def demands(stack: AwsStack) -> list[Demand]:
    """What the stack takes, in the order of the data file; quotas of which it takes nothing are left out.

    Raises `PortalError` if the JSON has a machine type or a prefix list that the data files lack.
    """
    found = []
    for quota in known_quotas().quotas:
        # Where a quota limits each of several things, the fullest decides.
        fullest: dict[Place, Use] = {}
        for use in MEASURES[quota.measure](stack) if quota.measure else _counted(stack, quota):
            if use.amount and (use.place not in fullest or use.amount > fullest[use.place].amount):
                fullest[use.place] = use
        found += [
            Demand(quota=quota, place=place, amount=use.amount, reason=use.reason)
            for place, use in sorted(fullest.items())
        ]
    return found


def _counted(stack: AwsStack, quota: Quota) -> Iterator[Use]:
    """One for each resource; those of a global service count together, whichever region Terraform calls."""
    places = (stack.place(resource) for resource in stack.all(*(quota.types or ())))
    counts = Counter(Place(account=place.account, region=quota.asked_in or place.region) for place in places)
    return (Use(place=place, amount=amount) for place, amount in counts.items())


def _standard_vcpus(stack: AwsStack) -> Iterator[Use]:
    groups = node_groups(stack)
    parts = [f"{group.name} {group.max} x {group.machine.vcpus}" for group in groups]
    surge = sum(group.surge * group.machine.vcpus for group in groups)
    if surge:
        parts.append(f"{surge} more while nodes are replaced")
    total = sum(group.max * group.machine.vcpus for group in groups) + surge
    for instance in stack.all("aws_instance"):
        vcpus = machine(instance.body["instance_type"], of=instance).vcpus
        parts.append(f"{instance.name} {vcpus}")
        total += vcpus
    yield Use(place=stack.home, amount=total, reason="; ".join(parts))


def _fargate_vcpus(stack: AwsStack) -> Iterator[Use]:
    pods = list(fargate_pods(stack))
    reason = "; ".join(f"{each.release} {each.count} x {each.vcpus:g}" for each in pods)
    yield Use(place=stack.home, amount=ceil(sum(each.count * each.vcpus for each in pods)), reason=reason)


def _nat_gateways_per_zone(stack: AwsStack) -> Iterator[Use]:
    subnets = [stack.referred(nat.body["subnet_id"], "aws_subnet")[0] for nat in stack.all("aws_nat_gateway")]
    for zone, amount in Counter(subnet.body["availability_zone"] for subnet in subnets).items():
        yield Use(place=stack.home, amount=amount, reason=zone)


def _interface_endpoints_per_vpc(stack: AwsStack) -> Iterator[Use]:
    interfaces = [each for each in stack.all("aws_vpc_endpoint") if each.body.get("vpc_endpoint_type") == "Interface"]
    for amount in Counter(each.body["vpc_id"] for each in interfaces).values():
        yield Use(place=stack.home, amount=amount)


def _gateway_endpoints(stack: AwsStack) -> Iterator[Use]:
    # What says nothing is one of a gateway.
    kinds = (each.body.get("vpc_endpoint_type", "Gateway") for each in stack.all("aws_vpc_endpoint"))
    yield Use(place=stack.home, amount=sum(kind == "Gateway" for kind in kinds))


def _rules_per_security_group(stack: AwsStack) -> Iterator[Use]:
    """Of each group in each direction, which have a limit each."""
    for direction in ("ingress", "egress"):
        rules: dict[str, int] = defaultdict(int)
        for rule in stack.all(f"aws_vpc_security_group_{direction}_rule"):
            rules[rule.body["security_group_id"]] += _weight(stack, rule)
        for group, amount in rules.items():
            name = group.removeprefix("${").removesuffix("}").split(".")[1]
            yield Use(place=stack.home, amount=amount, reason=f"{direction} of {name}")


def _weight(stack: AwsStack, rule: PlannedResource) -> int:
    """How many rules a rule counts for."""
    listed = rule.body.get("prefix_list_id")
    # An endpoint's own list counts once.
    if not listed or stack.referred(listed, "aws_vpc_endpoint"):
        return 1
    source = listed.removeprefix("${data.aws_ec2_managed_prefix_list.").partition(".")[0]
    name = stack.document["data"]["aws_ec2_managed_prefix_list"][source]["name"]
    for pattern, weight in known_quotas().prefix_list_rules.items():
        if fnmatchcase(name, pattern):
            return weight
    raise PortalError(
        f"{rule.address} names prefix list {name}, whose weight constructs/portal/preflight/quotas.yaml lacks: "
        'add it to prefix_list_rules (VPC user guide, "AWS-managed prefix lists")'
    )


def _nodes_per_group(stack: AwsStack) -> Iterator[Use]:
    for group in node_groups(stack):
        yield Use(place=stack.home, amount=group.max, reason=group.name)


def _database_storage_gib(stack: AwsStack) -> Iterator[Use]:
    """As large as each may grow; a replica is as large as what it follows."""
    total = 0
    for database in stack.all("aws_db_instance"):
        (holder,) = stack.referred(database.body.get("replicate_source_db"), "aws_db_instance") or (database,)
        total += database.body.get("max_allocated_storage") or holder.body["allocated_storage"]
    yield Use(place=stack.home, amount=total, reason="as large as they may grow")


def _cache_nodes(stack: AwsStack) -> Iterator[Use]:
    yield Use(place=stack.home, amount=sum(map(cache_nodes, stack.all("aws_elasticache_replication_group"))))


def cache_nodes(group: PlannedResource) -> int:
    """Nodes of a cache in cluster mode: each shard's primary and its replicas."""
    shards: int = group.body["num_node_groups"]
    replicas: int = group.body["replicas_per_node_group"]
    return shards * (1 + replicas)


def _function_concurrency(stack: AwsStack) -> Iterator[Use]:
    functions = list(stack.all("aws_lambda_function"))
    reserved = sum(function.body.get("reserved_concurrent_executions") or 0 for function in functions)
    if reserved:
        reason = f"{reserved} reserved; {UNRESERVED_CONCURRENCY} must stay unreserved"
        yield Use(place=stack.home, amount=reserved + UNRESERVED_CONCURRENCY, reason=reason)
    else:
        yield Use(place=stack.home, amount=len(functions), reason="none reserved")


MEASURES: Mapping[Measure, Callable[[AwsStack], Iterator[Use]]] = {
    "cache-nodes": _cache_nodes,
    "database-storage-gib": _database_storage_gib,
    "fargate-vcpus": _fargate_vcpus,
    "function-concurrency": _function_concurrency,
    "gateway-endpoints": _gateway_endpoints,
    "interface-endpoints-per-vpc": _interface_endpoints_per_vpc,
    "nat-gateways-per-zone": _nat_gateways_per_zone,
    "nodes-per-group": _nodes_per_group,
    "rules-per-security-group": _rules_per_security_group,
    "standard-vcpus": _standard_vcpus,
}

"""All that a preflight finds about one stack, for people and for machines."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from portal.errors import PortalError
from portal.preflight.addresses import SubnetUse, subnet_uses
from portal.preflight.blockers import address_blockers, examples
from portal.preflight.permissions import needed_actions
from portal.preflight.prerequisites import Prerequisite, of_environment, of_shared
from portal.preflight.quotas import Demand, demands
from portal.preflight.stack import AwsStack
from portal.spec.loader import Environments
from portal.spec.types import Spec

SHARED_STACKS = ("bootstrap-aws", "shared-aws")

NOT_DERIVED = "quotas, IP addresses, permissions and what must be there before are derived for AWS alone"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What stands in the way, and what the deploy needs. `aws`: None where nothing of it is derived.

    `blockers`: each with the file that it can be mended in.
    """

    stack: str
    blockers: tuple[str, ...]
    aws: "AwsNeeds | None"


@dataclass(frozen=True, kw_only=True)
class AwsNeeds:
    """What the JSON of an AWS stack says that its deploy needs. `actions`: IAM actions by what asks for them."""

    prerequisites: tuple[Prerequisite, ...]
    quotas: tuple[Demand, ...]
    subnets: tuple[SubnetUse, ...]
    actions: Mapping[str, tuple[str, ...]]


def report(name: str, environments: Environments, *, read: Callable[[str], Mapping[str, Any]]) -> Report:
    """Looks at the stack `name`; `read` gives the JSON of a synthesized one.

    Raises `PortalError` if there is no such stack, or if its JSON holds what the data files beside this module lack.
    """
    tier, _, cloud = name.partition("-")
    if name == "local":
        return Report(stack=name, blockers=tuple(_in("local", examples(_plain(environments.local)))), aws=None)
    if name in SHARED_STACKS:
        stack = AwsStack(name, read(name))
        aws = _needs(stack, of_shared(stack, environments))
        return Report(stack=name, blockers=tuple(_shared_blockers(environments)), aws=aws)
    if tier not in environments.tiers or cloud not in type(environments.tiers[tier].clouds).model_fields:
        raise PortalError(f"There is no stack {name}; `cdktf list` prints the names.")
    environment = environments.tiers[tier]
    others = type(environment.clouds).model_fields.keys() - {cloud}
    found = _in(tier, examples(_plain(environment, without={"clouds": others})))
    if cloud != "aws":
        return Report(stack=name, blockers=tuple(found), aws=None)
    stack = AwsStack(name, read(name))
    aws = _needs(stack, of_environment(stack, environment))
    return Report(stack=name, blockers=(*found, *_in(tier, address_blockers(aws.subnets))), aws=aws)


def _shared_blockers(environments: Environments) -> Iterator[str]:
    """Of the shared file, and of what the shared stacks take from the environments' own: an account, a name."""
    yield from _in("shared", examples(_plain(environments.shared)))
    for tier, environment in environments.tiers.items():
        yield from _in(tier, examples(environment.portal.domain, "portal.domain"))
        yield from _in(tier, examples(environment.clouds.aws.account, "clouds.aws.account"))


def _plain(data: Spec, without: Any = None) -> Any:
    """As the file has it: lists, and networks as texts."""
    return data.model_dump(mode="json", by_alias=True, exclude=without)


def _in(file: str, blockers: Iterable[str]) -> Iterator[str]:
    return (f"environments/{file}.yaml: {each}" for each in blockers)


def _needs(stack: AwsStack, prerequisites: Iterable[Prerequisite]) -> AwsNeeds:
    return AwsNeeds(
        prerequisites=tuple(prerequisites),
        quotas=tuple(demands(stack)),
        subnets=tuple(subnet_uses(stack)),
        actions=needed_actions(stack),
    )


def as_json(found: Report) -> dict[str, Any]:
    """The report in plain types: what people read in tables, and the actions by resource type."""
    document: dict[str, Any] = {"stack": found.stack, "blockers": list(found.blockers)}
    if found.aws is None:
        return {**document, "not_derived": NOT_DERIVED}
    return {
        **document,
        "prerequisites": [asdict(each) for each in found.aws.prerequisites],
        "quotas": [
            {
                "service": demand.quota.service,
                "code": demand.quota.code,
                "name": demand.quota.name,
                "account": demand.place.account,
                "region": demand.place.region,
                "needed": demand.amount,
                "default": demand.quota.default,
                "above_default": demand.above_default,
                "reason": demand.reason,
            }
            for demand in found.aws.quotas
        ],
        "subnets": [
            {**asdict(subnet), "needed": subnet.needed, "too_small": subnet.too_small} for subnet in found.aws.subnets
        ],
        "actions": {by: list(actions) for by, actions in found.aws.actions.items()},
    }

"""What environments/shared.yaml has to say of every tier, and every tier's file of it."""

from collections.abc import Iterator, Mapping
from typing import get_args

from portal.spec.environment import Environment, Tier
from portal.spec.problems import Problem
from portal.spec.shared import Shared


def every_tier_is_deployed_from_somewhere(shared: Shared) -> Iterator[Problem]:
    for tier in get_args(Tier):
        if tier not in shared.github_environments.deploy:
            rule = f"lacks {tier}; say from which GitHub environment that tier is deployed (`{tier}: ...`)"
            yield Problem(path=("github_environments", "deploy"), value=None, rule=rule, show_value=False)


def names_are_below_the_zone(environments: Mapping[str, Environment], shared: Shared) -> Iterator[tuple[str, Problem]]:
    """Across files: the public zone can delegate every environment's name. Yields (tier of the file, problem)."""
    zone = shared.clouds.aws.zone
    for tier, environment in environments.items():
        if not environment.portal.domain.endswith(f".{zone}"):
            rule = f"must end in .{zone}, the public zone (clouds.aws.zone of shared.yaml), which delegates it"
            yield tier, Problem(path=("portal", "domain"), value=environment.portal.domain, rule=rule)

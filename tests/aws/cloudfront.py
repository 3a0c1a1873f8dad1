"""A distribution as CloudFront reads it: which behavior takes a path, and what that keeps."""

import re

from tests.synthesized import SynthesizedStack

STACKS = ("staging-aws", "prod-aws")
"""Those that have one."""
DISTRIBUTION = "aws_cloudfront_distribution.edge_distribution"
EDGE_REGION = "us-east-1"

ALL_OF_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def address_of(reference: str) -> str:
    return reference.removeprefix("${").rpartition(".")[0]


def behaviors(stack: SynthesizedStack) -> list[dict[str, object]]:
    distribution = stack.one("aws_cloudfront_distribution")
    return [*distribution["ordered_cache_behavior"], distribution["default_cache_behavior"]]


def behavior_of(stack: SynthesizedStack, path: str) -> dict[str, object]:
    """The one that CloudFront takes: the first whose pattern fits, or the default."""
    for behavior in behaviors(stack):
        pattern = str(behavior.get("path_pattern", "*"))
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path):
            return behavior
    raise AssertionError(path)


def kept_seconds(stack: SynthesizedStack, behavior: dict[str, object]) -> int:
    """At the most. The policies of AWS that a behavior may name here keep nothing."""
    policy = str(behavior["cache_policy_id"])
    return 0 if policy == CACHING_DISABLED else int(stack.resources[address_of(policy)]["max_ttl"])

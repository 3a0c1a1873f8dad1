"""What in the data must be changed before a stack can be deployed."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from portal.preflight.addresses import SubnetUse

EXAMPLES = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"(?<![\w-])example\.(com|net|org)(?![\w.-])", "is reserved for documentation (RFC 2606): put your own"),
        (
            r"^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+/(2[4-9]|3[0-2])$",
            "is reserved for documentation (RFC 5737): put your own networks",
        ),
        (r"^example-", "is an example: put your own"),
        (r"(?<![\w-])(123456789012|(\d)\2{11})(?!\w)", "is an example: put the number of your account"),
        (r"^0{8}-0{4}-0{4}-0{4}-", "is an example: put the id of your own"),
    )
)
"""Texts that stand for somebody's own: of each the pattern, and what is wrong with it."""


def examples(data: Any, field: str = "") -> Iterator[str]:
    """Every example in plain data, by its field. `field`: where in its file the data stand."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from examples(value, f"{field}.{key}" if field else key)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from examples(value, f"{field}.{index}")
    elif isinstance(data, str):
        reason = next((reason for pattern, reason in EXAMPLES if pattern.search(data)), None)
        if reason:
            yield f"{field} = {data} {reason}"
    elif data is True and field.endswith(".image.example"):
        image = field.removesuffix(".example")
        yield f"{image} is an example: push the image, put its digest there and remove `example: true`"


def address_blockers(subnets: Iterable[SubnetUse]) -> Iterator[str]:
    """Subnets in which a node, a pod or a load balancer would one day find no address."""
    for subnet in subnets:
        if subnet.too_small:
            field = "pod_cidr" if "pods" in subnet.taken else "cidr"
            takers = ", ".join(f"{by} {count}" for by, count in subnet.taken.items())
            yield (
                f"clouds.aws.network.{field} gives subnet {subnet.name} ({subnet.cidr}) {subnet.available} addresses, "
                f"and at maximum scale it takes {subnet.needed} ({takers}): widen the range or lower nodes.*.max"
            )

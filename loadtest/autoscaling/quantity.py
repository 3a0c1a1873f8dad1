"""Kubernetes quantities ("250m", "4Gi", "12345n") as whole thousandths, the unit in which the HPA controller reckons.

The official client has a parser too, but importing it loads urllib3, which must not happen in a Locust process.
"""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

SUFFIXES: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{suffix: Fraction(1000**power) for power, suffix in enumerate(["k", "M", "G", "T", "P", "E"], start=1)},
    **{suffix: Fraction(1024**power) for power, suffix in enumerate(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"], start=1)},
}
QUANTITY: Final = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]?|[KMGTPE]i)$")


def milli(quantity: str | int | float) -> int:
    """A quantity in thousandths, rounded up as the API's own `MilliValue` does."""
    return math.ceil(exact(quantity) * 1000)


def resources(quantities: Mapping[str, str] | None) -> dict[str, int]:
    """A ResourceList in thousandths."""
    return {name: milli(value) for name, value in (quantities or {}).items()}


def exact(quantity: str | int | float) -> Fraction:
    """A quantity as an exact number. Source: Kubernetes API reference, "Quantity"."""
    match = QUANTITY.match(str(quantity))
    if not match:
        raise ValueError(f"{quantity!r} is not a Kubernetes quantity, like 250m, 2 or 4Gi")
    number, suffix = match.groups()
    return Fraction(number) * SUFFIXES[suffix]

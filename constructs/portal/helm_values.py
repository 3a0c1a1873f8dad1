"""Helm values as they stand in a stack's JSON, read back."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

REFERENCE = re.compile(r"(?<!\$)\$\{jsonencode\((.*?)\)\}")
"""A leaf that only Terraform knows, as `portal.kubernetes.release.encode_values` writes it."""


def decoded(documents: Sequence[str], *, known: Callable[[str], Any]) -> dict[str, Any]:
    """The values of a release, its documents laid over each other as Helm does it.

    `known`: what stands in place of a Terraform expression.
    """
    values: dict[str, Any] = {}
    for document in documents:
        literal = REFERENCE.sub(lambda found: json.dumps(known(found[1])), document)
        values = merged(values, json.loads(literal.replace("$${", "${").replace("%%{", "%{")))
    return values


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on it, mapping by mapping, as Helm merges values: lists are replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result

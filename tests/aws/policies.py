"""Policies as Terraform expressions, read back."""

import json
import re
from typing import Any

KEY = re.compile(r'("(?:[^"\\]|\\.)*")\s*=\s*')
REFERENCE = re.compile(r"(?<=[\[:,\s])((?:data\.)?aws_[\w.-]+(?:\[\d+\][\w.]*)*)")


def document(policy: str) -> dict[str, Any]:
    """The policy inside `${jsonencode(...)}`; a reference in it stands as its address and attribute."""
    assert policy.startswith("${jsonencode("), policy
    expression = policy.removeprefix("${jsonencode(").removesuffix(")}")
    # Terraform writes objects with `=` and references bare.
    parsed: dict[str, Any] = json.loads(REFERENCE.sub(r'"\1"', KEY.sub(r"\1: ", expression)))
    return parsed


def statements(policy: str) -> list[dict[str, Any]]:
    """Its statements."""
    found: list[dict[str, Any]] = document(policy)["Statement"]
    return found

"""Policies as Terraform expressions, read back."""

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

Statement = dict[str, Any]

KEY = re.compile(r'("(?:[^"\\]|\\.)*")\s*=\s*')
REFERENCE = re.compile(r"(?<=[\[:,\s])((?:data\.)?aws_[\w.-]+(?:\[\d+\][\w.]*)*)")


def document(policy: str) -> dict[str, Any]:
    """The policy inside `${jsonencode(...)}`; a reference in it stands as its address and attribute."""
    assert policy.startswith("${jsonencode("), policy
    expression = policy.removeprefix("${jsonencode(").removesuffix(")}")
    # Terraform writes objects with `=` and references bare.
    parsed: dict[str, Any] = json.loads(REFERENCE.sub(r'"\1"', KEY.sub(r"\1: ", expression)))
    return parsed


def statements(policy: str) -> list[Statement]:
    """Its statements."""
    found: list[Statement] = document(policy)["Statement"]
    return found


def allows(statements: Sequence[Statement], action: str) -> bool:
    """Whether `action` is allowed on some resource, under some condition: only actions are looked at.

    A denial counts if it holds for every resource.
    """
    about = [statement for statement in statements if _is_about(statement, action)]
    denied = any(each["Effect"] == "Deny" and each.get("Resource") == "*" for each in about)
    return not denied and any(each["Effect"] == "Allow" for each in about)


def _is_about(statement: Statement, action: str) -> bool:
    """IAM compares actions without regard to case."""
    patterns = statement["Action"] if "Action" in statement else statement["NotAction"]
    listed = [patterns] if isinstance(patterns, str) else patterns
    found = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed)
    return found if "Action" in statement else not found

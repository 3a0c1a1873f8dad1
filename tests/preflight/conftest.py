"""Stacks as the preflight reads them, and as they would be with other data."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from portal.preflight.stack import AwsStack
from tests.conftest import StackOf

Change = Callable[[dict[str, Any]], None]
"""Changes the resources of a stack's JSON, by type and name."""


@pytest.fixture
def prod(stack: StackOf) -> AwsStack:
    return AwsStack("prod-aws", stack("prod-aws").document)


def changed(stack: AwsStack, change: Change) -> AwsStack:
    """The stack as it would be if its JSON said otherwise."""
    document = copy.deepcopy(dict(stack.document))
    change(document["resource"])
    return AwsStack(stack.name, document)


def resource(path: str, **arguments: Any) -> dict[str, Any]:
    """The body of a resource that cdktf would have made at `path`."""
    return {"//": {"metadata": {"path": f"prod-aws/{path}"}}, **arguments}

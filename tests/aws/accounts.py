"""The accounts of the committed data, and what each of them has of a type."""

from collections.abc import Mapping

from tests.synthesized import Resource, SynthesizedStack

SHARED = "444444444444"
ACCOUNTS: Mapping[str, str] = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}
EVERY_ACCOUNT = (*ACCOUNTS.values(), SHARED)


def by_account(stack: SynthesizedStack, type: str) -> dict[str, Resource]:
    """Of a stack that spans accounts, the one that each account has."""
    found = {resource.path.split("/")[2]: resource for resource in stack.each(type)}
    assert len(found) == len(stack.all(type)), f"{stack.name}: an account has several {type}"
    return found


def provider_of(account: str) -> str | None:
    """How a resource names the provider that makes it in that account."""
    return None if account == SHARED else f"aws.account-{account}"

"""The least IAM actions with which a stack can be deployed, changed and destroyed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from portal.errors import PortalError
from portal.preflight.stack import AwsStack
from portal.spec.loader import load
from portal.spec.types import Several, Spec

FILE = Path(__file__).parent / "permissions.yaml"

ActionName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]+$")]
Actions = dict[str, Several[ActionName]]
"""Action names by the service's prefix in IAM."""


class Permissions(Spec):
    """The data file. `types`: by Terraform type, `data.` before a data source."""

    provider: Actions
    backend: Actions
    types: dict[str, Actions]


@cache
def known_permissions() -> Permissions:
    """The data file. Raises like `portal.spec.loader.load`."""
    return load(FILE, Permissions)


def needed_actions(stack: AwsStack) -> dict[str, tuple[str, ...]]:
    """Actions such as `ec2:CreateVpc`, sorted, by what asks for them: the provider, the state backend, each type.

    Raises `PortalError` for types that the data file lacks.
    """
    known = known_permissions()
    unknown = [type for type in stack.types if type not in known.types]
    if unknown:
        raise PortalError(
            f"{stack.name} has {', '.join(unknown)}, whose actions constructs/portal/preflight/permissions.yaml lacks. "
            "Add them: the file says where they can be found."
        )
    asking: Mapping[str, Actions] = {
        "provider": known.provider,
        **({"backend": known.backend} if "s3" in stack.document["terraform"]["backend"] else {}),
        **{type: known.types[type] for type in stack.types},
    }
    return {
        by: tuple(sorted(f"{service}:{name}" for service, names in actions.items() for name in names))
        for by, actions in asking.items()
    }


def by_service(actions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names of distinct actions, sorted, by service."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for action in sorted(set(actions)):
        service, _, name = action.partition(":")
        grouped[service].append(name)
    return {service: tuple(names) for service, names in grouped.items()}

"""Random values, by Terraform's provider of that name. Few, so they need no bindings of their own."""

from collections.abc import Mapping

from cdktf import TerraformResource, TerraformStack
from constructs import Construct

VERSION = "3.7.2"
"""Of the provider hashicorp/random."""

PASSWORD = {"length": 40, "special": False}
"""Letters and digits only: clients put it into URLs."""


def random_suffix(scope: Construct, id: str) -> str:
    """Eight hex digits that stay as long as the resource does: for a name that may be used only once."""
    return _resource(scope, id, "random_id", {"byte_length": 4}).get_string_attribute("hex")


def temporary_password(scope: Construct, id: str) -> str:
    """A password for the minutes until somebody replaces it. It is in the state, so nothing may go on using it."""
    return _resource(scope, id, "random_password", PASSWORD).get_string_attribute("result")


def unseen_password(scope: Construct, name: str) -> str:
    """A password that is in no file and no state: ephemeral, so only write-only arguments take it.

    It is another one in each run; what uses it has a version, and takes it only when that changes.
    """
    stack = _with_provider(scope)
    stack.add_override(f"ephemeral.random_password.{name}", PASSWORD)
    return f"${{ephemeral.random_password.{name}.result}}"


def _resource(scope: Construct, id: str, type: str, arguments: Mapping[str, object]) -> TerraformResource:
    _with_provider(scope)
    resource = TerraformResource(scope, id, terraform_resource_type=type)
    for name, value in arguments.items():
        resource.add_override(name, value)
    return resource


def _with_provider(scope: Construct) -> TerraformStack:
    stack = TerraformStack.of(scope)
    stack.add_override("terraform.required_providers.random", {"source": "hashicorp/random", "version": VERSION})
    return stack

"""The resource group: everything is in it, with its tags."""

import inspect
from importlib import import_module

import pytest

from portal.spec.loader import Environments
from portal.tagging import tags
from tests.conftest import StackOf


def takes(type: str, argument: str) -> bool:
    """Whether a resource type has an argument, according to its binding."""
    name = type.removeprefix("azurerm_")
    binding = getattr(import_module(f"cdktf_cdktf_provider_azurerm.{name}"), name.title().replace("_", ""))
    return argument in inspect.signature(binding.__init__).parameters


@pytest.mark.parametrize("name", ["dev-azure", "staging-azure", "prod-azure"])
def test_everything_that_takes_tags_has_them(stack: StackOf, environments: Environments, name: str) -> None:
    azure = stack(name)
    expected = tags(stack=name, layer=environments.tiers[name.removesuffix("-azure")])
    tagged = [r for r in azure.resources.values() if r.type.startswith("azurerm_") and takes(r.type, "tags")]
    assert len(tagged) > 10
    for resource in tagged:
        assert resource.get("tags") == expected, resource.address
    assert azure.one("azurerm_kubernetes_cluster")["default_node_pool"]["tags"] == expected


def test_everything_is_in_the_group(stack: StackOf) -> None:
    prod = stack("prod-azure")
    placed = [r for r in prod.resources.values() if r.type.startswith("azurerm_") and r.get("resource_group_name")]
    assert len(placed) > 10
    for resource in placed:
        assert resource["resource_group_name"] == "${azurerm_resource_group.group.name}", resource.address

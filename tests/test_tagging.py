"""Tags: the same on everything, in a form that every cloud takes."""

import re

import pytest

from portal.spec.loader import Environments
from portal.tagging import tags
from tests.conftest import StackOf


def test_keys_and_values_are_valid_labels_everywhere(environments: Environments) -> None:
    for tier, environment in environments.tiers.items():
        for key, value in tags(stack=f"{tier}-gcp", layer=environment).items():
            # The narrowest form: Google Cloud labels.
            assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
            assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


def test_tags_say_whose_a_resource_is_and_how_it_is_backed_up(environments: Environments) -> None:
    assert tags(stack="staging-gcp", layer=environments.tiers["staging"]) == {
        "project": "portal",
        "tier": "staging",
        "stack": "staging-gcp",
        "managed-by": "cdktf",
        "backup": "daily",
    }


@pytest.mark.parametrize("name", ["dev-aws", "prod-aws"])
def test_aws_tags_everything_by_the_provider(stack: StackOf, name: str) -> None:
    (provider,) = stack(name).document["provider"]["aws"]
    assert provider["default_tags"][0]["tags"]["stack"] == name


@pytest.mark.parametrize("name", ["dev-aws", "prod-gcp", "prod-azure", "local"])
def test_what_the_kubernetes_provider_makes_is_labelled(stack: StackOf, name: str) -> None:
    for resource in stack(name).resources.values():
        if resource.type.startswith("kubernetes_"):
            assert resource["metadata"]["labels"]["stack"] == name, resource.address

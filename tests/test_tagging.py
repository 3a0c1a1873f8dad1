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


@pytest.mark.parametrize("name", ["dev-aws", "prod-aws"])
def test_aws_tags_everything_by_the_provider(stack: StackOf, name: str) -> None:
    (provider,) = stack(name).document["provider"]["aws"]
    assert provider["default_tags"][0]["tags"]["stack"] == name


@pytest.mark.parametrize("name", ["dev-aws", "prod-gcp", "prod-azure", "local"])
def test_what_the_kubernetes_provider_makes_is_labelled(stack: StackOf, name: str) -> None:
    for resource in stack(name).resources.values():
        if resource.type.startswith("kubernetes_"):
            assert resource["metadata"]["labels"]["stack"] == name, resource.address

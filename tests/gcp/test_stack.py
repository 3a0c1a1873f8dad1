"""The whole environment: what holds across its parts."""

import pytest

from portal.spec.loader import Environments
from portal.tagging import tags
from tests.conftest import StackOf


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_everything_carries_the_labels_of_its_stack(stack: StackOf, environments: Environments, tier: str) -> None:
    (google,) = stack(f"{tier}-gcp").document["provider"]["google"]
    assert google["default_labels"] == tags(stack=f"{tier}-gcp", layer=environments.tiers[tier])


def test_everything_is_made_in_the_project_and_region_of_the_data(stack: StackOf, environments: Environments) -> None:
    prod = stack("prod-gcp")
    gcp = environments.tiers["prod"].clouds.gcp
    (google,) = prod.document["provider"]["google"]
    assert (google["project"], google["region"]) == (gcp.project, gcp.region)
    for resource in prod.resources.values():
        assert resource.get("project") in (None, gcp.project), resource.address
        assert resource.get("region") in (None, gcp.region), resource.address


def test_state_is_in_cloud_storage_under_the_name_of_the_stack(stack: StackOf) -> None:
    backends = {tier: stack(f"{tier}-gcp").document["terraform"]["backend"]["gcs"] for tier in ("dev", "prod")}
    assert {tier: backend["prefix"] for tier, backend in backends.items()} == {"dev": "dev-gcp", "prod": "prod-gcp"}
    assert backends["dev"]["bucket"] != backends["prod"]["bucket"]

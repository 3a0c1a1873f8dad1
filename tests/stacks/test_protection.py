"""A protected environment is destroyed in two steps, of which the first may change nothing but the protection."""

from pathlib import Path

import pytest

from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.synthesized import synthesized, with_tier

PROTECTION = {
    "lifecycle",
    "deletion_protection",
    "enable_deletion_protection",
    # A bucket goes with what is in it.
    "force_destroy",
    "apply_immediately",
    # Volumes and secrets go with their releases.
    "values",
    "reclaim_policy",
}


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws", "prod-gcp"])
def test_lifting_it_makes_removes_and_replaces_nothing(
    stack: StackOf, name: str, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    """A secret or a key that is made anew takes with it what was encrypted or who logs in."""
    protected = stack(name)
    tier = environments.tiers[protected.name.split("-")[0]]
    data = with_tier(environments, tier.model_copy(update={"protected": False}))
    lifted = synthesized(name, data, versions, tmp_path)
    assert set(lifted.resources) == set(protected.resources)
    for address, resource in lifted.resources.items():
        before = protected.resources[address].body
        changed = {key for key in {*before, *resource.body} if before.get(key) != resource.get(key)}
        assert changed <= PROTECTION, address
        assert not (resource.get("lifecycle") or {}).get("prevent_destroy"), address

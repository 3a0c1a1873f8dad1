"""The AWS stack: in its own account and region, and nowhere else."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_terraform_refuses_every_other_account(stack: StackOf, tier: str, environments: Environments) -> None:
    aws = environments.tiers[tier].clouds.aws
    (provider,) = stack(f"{tier}-aws").document["provider"]["aws"]
    assert provider["allowed_account_ids"] == [aws.account]
    assert provider["region"] == aws.region

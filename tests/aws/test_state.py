"""State stores: every state lies in its own account's bucket, and comes back after a mistake."""

import pytest

from portal.spec.loader import Environments
from tests.aws.accounts import ACCOUNTS, SHARED, by_account, provider_of
from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack


@pytest.fixture(scope="module")
def bootstrap(stack: StackOf) -> SynthesizedStack:
    return stack("bootstrap-aws")


def test_state_is_versioned_encrypted_and_never_destroyed(bootstrap: SynthesizedStack) -> None:
    assert len(bootstrap.all("aws_s3_bucket")) == len(ACCOUNTS) + 1
    for bucket in bootstrap.each("aws_s3_bucket"):
        assert bucket["lifecycle"]["prevent_destroy"] is True
        (versioning,) = bootstrap.referring_to(bucket, "aws_s3_bucket_versioning")
        assert versioning["versioning_configuration"]["status"] == "Enabled"
        (encryption,) = bootstrap.referring_to(bucket, "aws_s3_bucket_server_side_encryption_configuration")
        assert {"aws_kms_key." + bucket.address.partition(".")[2] + "_key"} & bootstrap.references(encryption)
        (policy,) = bootstrap.referring_to(bucket, "aws_s3_bucket_policy")
        assert "aws:SecureTransport" in policy["policy"]


def test_every_environment_finds_its_state_in_a_bucket_that_is_made_here(
    bootstrap: SynthesizedStack, stack: StackOf
) -> None:
    made = {bucket["bucket"] for bucket in bootstrap.all("aws_s3_bucket")}
    for name in ("dev-aws", "staging-aws", "prod-aws", "shared-aws", "bootstrap-aws"):
        assert stack(name).document["terraform"]["backend"]["s3"]["bucket"] in made, name


@pytest.mark.parametrize("tier", ["dev", "staging", "prod", None])
def test_a_state_lies_in_the_account_and_region_that_its_backend_insists_on(
    bootstrap: SynthesizedStack, stack: StackOf, environments: Environments, tier: str | None
) -> None:
    """Whoever may deploy dev reads no secret of production's state."""
    account = ACCOUNTS[tier] if tier else SHARED
    bucket = by_account(bootstrap, "aws_s3_bucket")[account]
    backend = stack(f"{tier}-aws" if tier else "shared-aws").document["terraform"]["backend"]["s3"]
    assert (backend["bucket"], backend["allowed_account_ids"]) == (bucket["bucket"], [account])
    assert bucket.get("provider") == provider_of(account)
    providers = {provider.get("alias"): provider for provider in bootstrap.document["provider"]["aws"]}
    made_by = providers[None if tier is None else f"account-{account}"]
    assert backend["region"] == made_by["region"]


def test_an_overwritten_state_can_be_brought_back_for_a_quarter_and_the_last_one_never_goes(
    bootstrap: SynthesizedStack,
) -> None:
    """A stack that nobody changes for years has one version, which is all that Terraform knows of it."""
    for bucket in bootstrap.each("aws_s3_bucket"):
        (forgets,) = bootstrap.referring_to(bucket, "aws_s3_bucket_lifecycle_configuration")
        (rule,) = forgets["rule"]
        assert "expiration" not in rule, bucket.address
        (versions,) = rule["noncurrent_version_expiration"]
        assert versions["noncurrent_days"] >= 90, bucket.address


def test_nobody_from_outside_the_account_reads_a_state(bootstrap: SynthesizedStack) -> None:
    """Neither by the bucket's own policy nor by the key's."""
    for account, bucket in by_account(bootstrap, "aws_s3_bucket").items():
        (block,) = bootstrap.referring_to(bucket, "aws_s3_bucket_public_access_block")
        assert block["restrict_public_buckets"] is block["block_public_policy"] is True
        (policy,) = bootstrap.referring_to(bucket, "aws_s3_bucket_policy")
        assert {statement["Effect"] for statement in statements(policy["policy"])} == {"Deny"}
        key = bootstrap.one("aws_kms_key", f"accounts_{account}_state_key")
        (administered,) = statements(key["policy"])
        assert administered["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}

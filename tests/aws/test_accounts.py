"""Stacks that span accounts: each thing is made where it belongs, and no login makes anything elsewhere."""

from pathlib import Path

import pytest
from cdktf import App
from cdktf_cdktf_provider_aws.ebs_encryption_by_default import EbsEncryptionByDefault
from constructs import Construct

from portal.aws.accounts import Account, AccountProviders, accounts
from portal.spec.loader import Environments
from portal.stacks.base import PortalStack
from tests.aws.accounts import ACCOUNTS, SHARED, provider_of
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack

STACKS = ("bootstrap-aws", "shared-aws")
each_stack = pytest.mark.parametrize("name", STACKS)


@each_stack
def test_each_resource_is_made_in_the_account_of_its_path(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    made_in = set()
    for resource in synthesized.resources.values():
        parts = resource.path.split("/")
        account = parts[2] if parts[1] == "accounts" else SHARED
        assert resource.get("provider") == provider_of(account), resource.address
        made_in.add(account)
    assert made_in == {*ACCOUNTS.values(), SHARED}
    aliases = {p.get("alias"): p for p in synthesized.document["provider"]["aws"]}
    for account in ACCOUNTS.values():
        (role,) = aliases[f"account-{account}"]["assume_role"]
        assert role["role_arn"] == f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
        assert aliases[f"account-{account}"]["allowed_account_ids"] == [account]


@each_stack
def test_a_login_in_another_account_makes_nothing_and_each_way_in_tags_what_it_makes(stack: StackOf, name: str) -> None:
    """A person deploys these by hand: the wrong profile in the shell must be refused, not followed."""
    providers = stack(name).document["provider"]["aws"]
    (own,) = (provider for provider in providers if "alias" not in provider)
    assert own["allowed_account_ids"] == [SHARED]
    assert "assume_role" not in own, "whoever deploys is in the shared account"
    assert len({provider["allowed_account_ids"][0] for provider in providers}) == len(providers)
    for provider in providers:
        (tags,) = provider["default_tags"]
        assert tags["tags"]["stack"] == name, provider.get("alias")


def test_tiers_that_share_an_account_share_its_guards(environments: Environments) -> None:
    dev = environments.tiers["dev"]
    clouds = dev.clouds.model_copy(update={"aws": environments.tiers["staging"].clouds.aws})
    tiers = {**environments.tiers, "dev": dev.model_copy(update={"clouds": clouds})}
    found = {account.id: account.tiers for account in accounts(environments.shared.clouds.aws, tiers)}
    assert found == {SHARED: (), "222222222222": ("dev", "staging"), "333333333333": ("prod",)}


def test_a_tier_may_live_in_the_shared_account_which_stays_the_first_and_in_its_own_region(
    environments: Environments,
) -> None:
    """The first owns registry, zone and audit store, whichever tiers it holds besides."""
    shared = environments.shared.clouds.aws.model_copy(
        update={"account": environments.tiers["prod"].clouds.aws.account, "region": "eu-central-1"}
    )
    first, *others = accounts(shared, environments.tiers)
    assert (first.id, first.tiers, first.region) == (shared.account, ("prod",), "eu-central-1")
    assert [account.tiers for account in others] == [("dev",), ("staging",)]


def placed(environments: Environments, account: Account, outdir: Path) -> SynthesizedStack:
    """A stack with one resource, which is placed into `account`."""
    app = App(outdir=str(outdir))
    stack = PortalStack(app, "spanning")
    providers = AccountProviders(stack, shared=environments.shared.clouds.aws, tags={"a": "b"})
    inside = Construct(stack, "inside")
    EbsEncryptionByDefault(inside, "encrypted", enabled=True)
    providers.place(inside, account)
    app.synth()
    return SynthesizedStack(outdir / "stacks" / "spanning" / "cdk.tf.json")


def test_another_account_is_reached_in_its_own_region(environments: Environments, tmp_path: Path) -> None:
    """A tier may be in another region than what all share, and its state's bucket must be where it is."""
    made = placed(environments, Account(id="999999999999", region="eu-north-1", tiers=("dev",)), tmp_path)
    providers = {provider.get("alias"): provider for provider in made.document["provider"]["aws"]}
    assert providers["account-999999999999"]["region"] == "eu-north-1"
    assert providers[None]["region"] == environments.shared.clouds.aws.region
    assert made.one("aws_ebs_encryption_by_default")["provider"] == "aws.account-999999999999"


def test_the_shared_account_assumes_no_role_in_itself(environments: Environments, tmp_path: Path) -> None:
    """Its administrator is whoever has logged in; an organization makes that role in member accounts alone."""
    made = placed(environments, Account(id=SHARED, region="eu-west-1", tiers=()), tmp_path)
    assert len(made.document["provider"]["aws"]) == 1
    assert made.one("aws_ebs_encryption_by_default").get("provider") is None

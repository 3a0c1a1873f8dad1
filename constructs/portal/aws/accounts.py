"""The AWS accounts of the platform, and how a stack that spans several of them reaches each."""

from collections.abc import Mapping
from dataclasses import dataclass

from cdktf import TerraformResource
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderAssumeRole, AwsProviderDefaultTags
from constructs import Construct

from portal.spec.environment import Environment, Tier
from portal.spec.shared import SharedAws


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account. `tiers`: what is deployed into it; none: the shared account alone."""

    id: str
    region: str
    tiers: tuple[Tier, ...]


def accounts(shared: SharedAws, environments: Mapping[str, Environment]) -> tuple[Account, ...]:
    """Every account once, the shared one first, however many tiers share one."""
    regions = {shared.account: shared.region}
    tiers: dict[str, tuple[Tier, ...]] = {shared.account: ()}
    for environment in environments.values():
        cloud = environment.clouds.aws
        regions.setdefault(cloud.account, cloud.region)
        tiers[cloud.account] = (*tiers.get(cloud.account, ()), environment.tier)
    return tuple(Account(id=id, region=regions[id], tiers=tiers[id]) for id in regions)


class AccountProviders:
    """The AWS providers of a stack that spans accounts: its own by login, the others by a role assumed from there."""

    def __init__(self, scope: Construct, *, shared: SharedAws, tags: Mapping[str, str]) -> None:
        self._scope = scope
        self._shared = shared
        self._tags = AwsProviderDefaultTags(tags=tags)
        AwsProvider(
            scope,
            "aws",
            region=shared.region,
            allowed_account_ids=[shared.account],
            default_tags=[self._tags],
        )

    def place(self, construct: Construct, account: Account) -> None:
        """Puts every resource under `construct` into `account`."""
        if account.id == self._shared.account:
            return
        provider = AwsProvider(
            self._scope,
            f"aws-{account.id}",
            alias=f"account-{account.id}",
            region=account.region,
            allowed_account_ids=[account.id],
            assume_role=[
                AwsProviderAssumeRole(role_arn=f"arn:aws:iam::{account.id}:role/{self._shared.administrator_role}")
            ],
            default_tags=[self._tags],
        )
        for child in construct.node.find_all():
            if isinstance(child, TerraformResource):
                child.provider = provider

"""What all environments share: identities that deploy, images, the public name, guard rails of accounts."""

from typing import Annotated, Final

from pydantic import Field

from portal.spec.environment import Tier
from portal.spec.types import AwsAccount, DomainName, Several, Spec

PLANNER: Final = "portal-plan"
"""The role that plans take, in every account: it reads, and changes nothing."""
IMAGES: Final = "portal-images"
"""The role that pushes the images which this repository builds, in the shared account."""
OWN_IMAGES: Final = ("portal/loadtest",)
"""Repositories of those; the portal's own are pushed from where its source is."""

GithubName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class GithubEnvironments(Spec):
    """The GitHub environments whose jobs may take a role: for plans, for deploys of each tier, for images."""

    plan: GithubName
    dev: GithubName
    staging: GithubName
    prod: GithubName
    images: GithubName

    def of(self, tier: Tier) -> str:
        """The environment in which `tier` is deployed."""
        name: str = getattr(self, tier)
        return name


class Budget(Spec):
    """What one account may cost in a month, and who hears of it when it will cost more."""

    monthly_usd: int = Field(ge=1)
    alert_emails: Annotated[Several[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]], Field(max_length=10)]


class SharedAws(Spec):
    """The account that the environments' accounts share."""

    account: AwsAccount
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", examples=["eu-west-1"])
    administrator_role: str = Field(
        pattern=r"^[\w+=,.@-]{1,64}$",
        description="Role in each environment's account that whoever deploys the shared stacks may assume.",
    )
    state_in_bucket: bool = Field(
        description="Where bootstrap-aws keeps its own state: false, in a file; true, in its bucket."
    )
    zone: DomainName = Field(description="Public zone that holds every environment's name.")
    repositories: Several[Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$")]] = Field(
        description="Image repositories of the registry."
    )
    audit_retention_days: int = Field(ge=90, le=3650)
    budget: Budget


class SharedClouds(Spec):
    """The clouds that have something to share."""

    aws: SharedAws


class Shared(Spec):
    """environments/shared.yaml."""

    repository: str = Field(
        pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9_.-]{1,100}$", description="GitHub owner and name of this project."
    )
    github_environments: GithubEnvironments
    clouds: SharedClouds

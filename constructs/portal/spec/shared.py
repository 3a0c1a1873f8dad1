"""What all environments share: identities that deploy, images, the public name, guard rails of accounts."""

from typing import Annotated, Final

from pydantic import Field

from portal.spec.environment import Tier
from portal.spec.types import AwsAccount, AwsRegion, DomainName, Email, IamRoleName, Several, Spec

PLANNER: Final = "portal-plan"
"""The role that plans take, in every account: it reads, and changes nothing."""
IMAGES: Final = "portal-images"
"""The role that pushes the images which this repository builds, in the shared account."""
OWN_IMAGES: Final = ("portal/loadtest",)
"""Repositories of those; the portal's own are pushed from where its source is."""

GithubName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$", examples=["production"])]


class GithubEnvironments(Spec):
    """The GitHub environments whose jobs may take a role: for plans, for deploys of each tier, for images."""

    plan: GithubName
    deploy: dict[Tier, GithubName]
    images: GithubName


ImageName = Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$", examples=["portal/frontend"])]


class Budget(Spec):
    """What one account may cost in a month, and who hears of it when it will cost more."""

    monthly_usd: int = Field(ge=1)
    alert_emails: Annotated[Several[Email], Field(max_length=10)]


class SharedAws(Spec):
    """The account that the environments' accounts share."""

    account: AwsAccount
    region: AwsRegion
    administrator_role: IamRoleName = Field(
        description="Role in each environment's account that whoever deploys the shared stacks may assume.",
    )
    state_in_bucket: bool = Field(
        description="Where bootstrap-aws keeps its own state: false, in a file; true, in its bucket."
    )
    zone: DomainName = Field(description="Public zone that holds every environment's name.")
    repositories: Several[ImageName] = Field(description="Image repositories of the registry.")
    audit_retention_days: int = Field(ge=90, le=3650)
    budget: Budget


class SharedClouds(Spec):
    """The clouds that have something to share."""

    aws: SharedAws


class Shared(Spec):
    """environments/shared.yaml."""

    repository: str = Field(
        pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9_.-]{1,100}$",
        examples=["example-org/portal-platform"],
        description="GitHub owner and name of this project.",
    )
    github_environments: GithubEnvironments
    clouds: SharedClouds

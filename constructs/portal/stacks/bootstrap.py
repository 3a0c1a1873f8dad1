"""What has to be there before anything else can be deployed from CI: state stores and identities."""

from constructs import Construct

from portal import backends
from portal.aws.accounts import AccountProviders, accounts
from portal.aws.boundary import Boundary
from portal.aws.ci import GithubIdentities, ImagePublisher
from portal.aws.state import StateStore
from portal.spec.loader import Environments
from portal.spec.shared import IMAGES, OWN_IMAGES, PLANNER
from portal.stacks.base import PortalStack
from portal.tagging import shared_tags


class AwsBootstrap(PortalStack):
    """In every AWS account of the platform: where state is kept, who may plan and who may deploy.

    A person deploys it once, with a login in the shared account; CI has no right to. Its own state begins in a file and
    then moves into the bucket that it has made (README, "Begin in a new organization").
    """

    def __init__(self, scope: Construct, id: str, *, environments: Environments) -> None:
        super().__init__(scope, id)
        shared = environments.shared
        cloud = shared.clouds.aws
        if cloud.state_in_bucket:
            backends.s3(self, name=id, cloud=cloud)
        else:
            backends.local(self, name=id)
        providers = AccountProviders(self, shared=cloud, tags=shared_tags(stack=id))
        of_accounts = Construct(self, "accounts")
        for account in accounts(cloud, environments.tiers):
            inside = Construct(of_accounts, account.id)
            state = StateStore(inside, "state", account=account.id, region=account.region)
            deployers: dict[str, list[str]] = {}
            for tier in account.tiers:
                role = environments.tiers[tier].clouds.aws.cluster.deployer_role
                deployers.setdefault(role, []).append(shared.github_environments.deploy[tier])
            github = None
            if deployers:
                github = GithubIdentities(
                    inside,
                    "github",
                    account=account.id,
                    repository=shared.repository,
                    planner=PLANNER,
                    plan_environment=shared.github_environments.plan,
                    deployers=deployers,
                    administrator=cloud.administrator_role,
                    state=state,
                    boundary=Boundary(inside, "boundary", account=account.id),
                )
            if account.id == cloud.account:
                ImagePublisher(
                    inside,
                    "images",
                    name=IMAGES,
                    account=account.id,
                    region=cloud.region,
                    repository=shared.repository,
                    environment=shared.github_environments.images,
                    repositories=OWN_IMAGES,
                    provider_arn=github.provider_arn if github else None,
                )
            providers.place(inside, account)

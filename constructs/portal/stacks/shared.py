"""What all environments of one cloud share."""

from constructs import Construct

from portal import backends
from portal.aws.accounts import AccountProviders, accounts
from portal.aws.audit import AccountAudit, AuditStore
from portal.aws.guards import AccountGuards
from portal.aws.registry import Registry
from portal.aws.zones import EnvironmentZone, PublicZone
from portal.spec.loader import Environments
from portal.stacks.base import PortalStack
from portal.tagging import shared_tags


class AwsShared(PortalStack):
    """Images, audit logs, the public zone, and the guard rails of every account of the platform.

    Source: guide, "AWS Architecture" and "CI/CD Pipeline Configuration".
    """

    def __init__(self, scope: Construct, id: str, *, environments: Environments) -> None:
        super().__init__(scope, id)
        cloud = environments.shared.clouds.aws
        backends.s3(self, name=id, cloud=cloud)
        providers = AccountProviders(self, shared=cloud, tags=shared_tags(stack=id))
        every = accounts(cloud, environments.tiers)
        owner = every[0]

        Registry(self, "registry", owner=owner, readers=every, repositories=cloud.repositories)
        zone = PublicZone(self, "zone", name=cloud.zone)
        audit = AuditStore(self, "audit-store", owner=owner, accounts=every, retention_days=cloud.audit_retention_days)
        of_accounts = Construct(self, "accounts")
        for account in every:
            inside = Construct(of_accounts, account.id)
            trail = AccountAudit(inside, "audit", store=audit)
            AccountGuards(
                inside,
                "guards",
                account=account.id,
                region=account.region,
                budget=cloud.budget,
                recording=trail.recording,
            )
            for tier in account.tiers:
                zone.delegate(
                    EnvironmentZone(inside, f"zone-{tier}", tier=tier, name=environments.tiers[tier].portal.domain)
                )
            providers.place(inside, account)

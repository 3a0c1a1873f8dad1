"""The public zone, and in each environment's account a zone of its own below it."""

from typing import Final

from cdktf_cdktf_provider_aws.route53_record import Route53Record
from cdktf_cdktf_provider_aws.route53_zone import Route53Zone
from constructs import Construct

DELEGATION_TTL_SECONDS = 3600

AUTHORITIES: Final = ("amazon.com", "amazonaws.com", "amazontrust.com", "awstrust.com")
"""How the authority behind ACM calls itself. Source: ACM user guide, "Configure a CAA record"."""


class PublicZone(Construct):
    """The zone that the registrar of the domain points to. Its name servers are permanent, so it is protected."""

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id)
        self._zone = _zone(self, name)

    def delegate(self, zone: "EnvironmentZone") -> None:
        """Hands a name below this zone over to the account that holds `zone`."""
        Route53Record(
            self,
            f"delegates-{zone.tier}",
            zone_id=self._zone.zone_id,
            name=zone.name,
            type="NS",
            ttl=DELEGATION_TTL_SECONDS,
            records=zone.name_servers,
        )


class EnvironmentZone(Construct):
    """The zone of one environment's name, in its own account: what deploys there can write no other's records.

    Only Amazon's authority may issue certificates for it (RFC 8659), and none for all names below it.
    """

    def __init__(self, scope: Construct, id: str, *, tier: str, name: str) -> None:
        super().__init__(scope, id)
        zone = _zone(self, name)
        Route53Record(
            self,
            "certified-by-amazon",
            zone_id=zone.zone_id,
            name=name,
            type="CAA",
            ttl=DELEGATION_TTL_SECONDS,
            # Of every other authority a certificate for this name is a forged one; of this one a wildcard as well.
            records=[*(f'0 issue "{authority}"' for authority in AUTHORITIES), '0 issuewild ";"'],
        )
        self.tier = tier
        self.name = name
        self.name_servers: list[str] = zone.name_servers


def _zone(scope: Construct, name: str) -> Route53Zone:
    return Route53Zone(scope, "Default", name=name, comment="portal platform", lifecycle={"prevent_destroy": True})

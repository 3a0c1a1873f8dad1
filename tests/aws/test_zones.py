"""Zones: each environment rules its own name and no other, and one authority certifies it."""

import re

import pytest

from portal.spec.loader import Environments
from tests.aws.accounts import ACCOUNTS, provider_of
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack


@pytest.fixture(scope="module")
def shared(stack: StackOf) -> SynthesizedStack:
    return stack("shared-aws")


def records(shared: SynthesizedStack, type: str) -> list[Resource]:
    found = [record for record in shared.each("aws_route53_record") if record["type"] == type]
    assert found, type
    return found


def test_each_environment_owns_the_zone_of_its_name_and_the_public_zone_delegates_it(
    shared: SynthesizedStack, environments: Environments
) -> None:
    public = shared.one("aws_route53_zone", "zone")
    for tier, environment in environments.tiers.items():
        account = environment.clouds.aws.account
        zone = shared.one("aws_route53_zone", f"accounts_{account}_zone-{tier}")
        assert (zone["name"], zone["provider"]) == (environment.portal.domain, f"aws.account-{account}")
        record = shared.one("aws_route53_record", f"zone_delegates-{tier}")
        assert (record["type"], record["name"]) == ("NS", environment.portal.domain)
        assert shared.references(record) == {public.address, zone.address}
        assert record.get("provider") is None


@pytest.mark.parametrize("tier", ACCOUNTS)
def test_an_environment_finds_its_zone_by_name_in_the_account_where_it_was_made(
    shared: SynthesizedStack, stack: StackOf, tier: str
) -> None:
    """No state is read for it: the name has to be the same on both sides."""
    environment = stack(f"{tier}-aws")
    (looked_up,) = (source for source in environment.data_sources.values() if source.type == "aws_route53_zone")
    (zone,) = (zone for zone in shared.each("aws_route53_zone") if zone["name"] == looked_up["name"])
    (provider,) = environment.document["provider"]["aws"]
    assert zone.get("provider") == provider_of(provider["allowed_account_ids"][0])
    # A zone of the load test inside the network has names, too.
    assert looked_up["private_zone"] is False


def test_what_resolvers_remember_of_a_delegation_is_over_before_a_working_day_is(shared: SynthesizedStack) -> None:
    """A zone that has to be made anew has other name servers, and the old answer leads nowhere for so long."""
    for record in records(shared, "NS"):
        assert 300 <= record["ttl"] <= 4 * 3600, record.address


def test_only_amazons_authority_may_certify_an_environments_name(
    shared: SynthesizedStack, environments: Environments
) -> None:
    of_zones = records(shared, "CAA")
    assert {record["name"] for record in of_zones} == {tier.portal.domain for tier in environments.tiers.values()}
    for record in of_zones:
        (zone,) = [shared.resources[a] for a in shared.references(record) if a.startswith("aws_route53_zone.")]
        assert zone["name"] == record["name"]
        issuers = {value.split('"')[1] for value in record["records"] if value.startswith("0 issue ")}
        assert issuers == {"amazon.com", "amazonaws.com", "amazontrust.com", "awstrust.com"}
        assert '0 issuewild ";"' in record["records"]


@pytest.mark.parametrize("tier", ACCOUNTS)
def test_every_certificate_that_an_environment_asks_for_is_one_that_its_zone_lets_be_issued(
    shared: SynthesizedStack, stack: StackOf, tier: str
) -> None:
    """ACM looks for the record and refuses; the apply then waits for its proof until it times out."""
    certified = {record["name"] for record in records(shared, "CAA")}
    for certificate in stack(f"{tier}-aws").each("aws_acm_certificate"):
        names = [certificate["domain_name"], *(certificate.get("subject_alternative_names") or [])]
        assert set(names) <= certified, f"{certificate.address}: no wildcard, and no name outside the zones"


def test_values_are_written_as_a_name_server_reads_them(shared: SynthesizedStack) -> None:
    """RFC 8659: flags, tag, and the value in quotes; Route 53 refuses others at apply."""
    for record in records(shared, "CAA"):
        assert all(re.fullmatch(r'0 issue(wild)? "[a-z.;]+"', value) for value in record["records"]), record.address

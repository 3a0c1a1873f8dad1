"""Certificates: proved before anybody shows them, where their user looks, and changed without a gap."""

import pytest

from portal.spec.loader import Environments
from tests.aws.cloudfront import EDGE_REGION, STACKS
from tests.conftest import StackOf

each_edge = pytest.mark.parametrize("name", STACKS)
each_tier = pytest.mark.parametrize("name", ["dev-aws", *STACKS])


@each_edge
def test_its_certificate_is_where_cloudfront_looks_and_proved_before_use(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    certificate = synthesized.one("aws_acm_certificate", "edge_certificate")
    proved = synthesized.one("aws_acm_certificate_validation", "edge_certificate-proved")
    assert certificate["domain_name"] == environments.tiers[name.partition("-")[0]].portal.domain
    assert certificate["region"] == proved["region"] == EDGE_REGION
    assert proved["certificate_arn"] == f"${{{certificate.address}.arn}}"
    viewer = synthesized.one("aws_cloudfront_distribution")["viewer_certificate"]
    assert viewer["acm_certificate_arn"] == f"${{{proved.address}.certificate_arn}}"


@each_edge
def test_one_record_proves_both_certificates(stack: StackOf, name: str) -> None:
    """ACM asks for the same one in every region: a second would be taken away with the first."""
    synthesized = stack(name)
    record = synthesized.one("aws_route53_record", "load-balancer_certificate-proof")
    proofs = synthesized.all("aws_acm_certificate_validation")
    assert len(proofs) == 2
    for proof in proofs:
        assert proof["validation_record_fqdns"] == [f"${{{record.address}.fqdn}}"]


@each_tier
def test_nobody_shows_a_certificate_that_is_not_proved_yet(stack: StackOf, name: str) -> None:
    """Its ARN is known long before ACM has issued it; a listener and CloudFront refuse it until then."""
    synthesized = stack(name)
    for certificate in synthesized.each("aws_acm_certificate"):
        users = {user.type for user in synthesized.referring_to(certificate)}
        assert "aws_acm_certificate_validation" in users, certificate.address
        assert users <= {"aws_acm_certificate_validation", "aws_route53_record"}, certificate.address
        (proof,) = synthesized.referring_to(certificate, "aws_acm_certificate_validation")
        assert synthesized.referring_to(proof), f"nobody shows {certificate.address}"
        assert proof.get("region") == certificate.get("region"), "ACM of one region knows none of another"


@each_tier
def test_a_certificate_renews_itself_without_anybody_who_reads_mail(stack: StackOf, name: str) -> None:
    """As long as the record stands; ACM asks for it again before the old one runs out."""
    synthesized = stack(name)
    for certificate in synthesized.each("aws_acm_certificate"):
        assert certificate["validation_method"] == "DNS", certificate.address
        (proof,) = synthesized.referring_to(certificate, "aws_acm_certificate_validation")
        (record,) = (a for a in synthesized.references(proof) if a.startswith("aws_route53_record."))
        # Made from what ACM says of the certificate of this region, once for both.
        assert "aws_acm_certificate.load-balancer_certificate" in synthesized.references(synthesized.resources[record])


@each_tier
def test_another_certificate_is_there_before_the_old_one_goes(stack: StackOf, name: str) -> None:
    """ACM does not delete one that a listener or a distribution still shows."""
    for certificate in stack(name).each("aws_acm_certificate"):
        assert certificate["lifecycle"]["create_before_destroy"] is True, certificate.address
        # Of those that ACM issues, what CloudFront and load balancers both take; longer ones only the latter do.
        assert certificate["key_algorithm"] == "EC_prime256v1", certificate.address

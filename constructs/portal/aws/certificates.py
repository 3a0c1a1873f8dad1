"""Certificates of the portal's name, proved by a record in its zone and renewed as long as that stands."""

from typing import Final

from cdktf_cdktf_provider_aws.acm_certificate import AcmCertificate
from cdktf_cdktf_provider_aws.acm_certificate_validation import AcmCertificateValidation
from constructs import Construct

EDGE_REGION: Final = "us-east-1"
"""Where CloudFront looks for certificates and firewalls, and where its logs and metrics are, wherever the rest is."""


def requested_certificate(scope: Construct, *, domain: str, region: str | None = None) -> AcmCertificate:
    """A certificate that still has to be proved. `region`: another than the stack's own."""
    return AcmCertificate(
        scope,
        "certificate",
        region=region,
        domain_name=domain,
        validation_method="DNS",
        key_algorithm="EC_prime256v1",
        lifecycle={"create_before_destroy": True},
    )


def proved_certificate(scope: Construct, *, certificate: AcmCertificate, proof: str, region: str | None = None) -> str:
    """The ARN of `certificate`, once ACM has seen `proof`: the name of a record.

    ACM asks for the same record for the same name in every region of an account, so one proves them all.
    """
    return AcmCertificateValidation(
        scope,
        "certificate-proved",
        region=region,
        certificate_arn=certificate.arn,
        validation_record_fqdns=[proof],
    ).certificate_arn

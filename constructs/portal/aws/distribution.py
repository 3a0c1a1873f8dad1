"""CloudFront in front of the load balancer, and a log of who asked it for what."""

from typing import Final

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.cloudfront_distribution import (
    CloudfrontDistribution,
    CloudfrontDistributionCustomErrorResponse,
    CloudfrontDistributionDefaultCacheBehavior,
    CloudfrontDistributionOrderedCacheBehavior,
    CloudfrontDistributionOrigin,
    CloudfrontDistributionOriginVpcOriginConfig,
    CloudfrontDistributionRestrictions,
    CloudfrontDistributionRestrictionsGeoRestriction,
    CloudfrontDistributionViewerCertificate,
)
from cdktf_cdktf_provider_aws.cloudfront_vpc_origin import (
    CloudfrontVpcOrigin,
    CloudfrontVpcOriginTimeouts,
    CloudfrontVpcOriginVpcOriginEndpointConfig,
    CloudfrontVpcOriginVpcOriginEndpointConfigOriginSslProtocols,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery import CloudwatchLogDelivery
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery_destination import (
    CloudwatchLogDeliveryDestination,
    CloudwatchLogDeliveryDestinationDeliveryDestinationConfiguration,
)
from cdktf_cdktf_provider_aws.cloudwatch_log_delivery_source import CloudwatchLogDeliverySource
from constructs import Construct

from portal.aws.caching import ORIGIN_ID, Caching
from portal.aws.certificates import EDGE_REGION
from portal.aws.keys import Key
from portal.aws.load_balancer import LoadBalancer
from portal.aws.logs import DeliveredLogs
from portal.edge_policy import CACHE_RULES, EVERYTHING_ELSE
from portal.kubernetes.mesh import REQUEST_TIMEOUT_SECONDS
from portal.naming import Kind, Naming
from portal.spec.clouds import AwsEdge

ERRORS_KEPT_BY_DEFAULT: Final = (404, 414, 500, 501, 502, 503, 504)
"""CloudFront keeps these for ten seconds, whatever a cache policy says, and gives one person's to the next.

Source: CloudFront developer guide, "How CloudFront processes HTTP 4xx and 5xx status codes from your origin".
"""

LOGGED_FIELDS: Final = (
    "timestamp(ms)",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "cs-protocol",
    "cs-protocol-version",
    "cs(User-Agent)",
    "sc-status",
    "sc-bytes",
    "cs-bytes",
    "time-taken",
    "time-to-first-byte",
    "x-edge-location",
    "x-edge-result-type",
    "x-edge-detailed-result-type",
    "x-edge-request-id",
    "ssl-protocol",
    "ssl-cipher",
)
"""All but cookies and queries (a sign-in comes back with its code in one), and what repeats.

aws 6.25 cannot change them in place (hashicorp/terraform-provider-aws 46108): give the delivery another id then.
"""


class Distribution(Construct):
    """The portal's name all over the world, over HTTP/3, IPv6 and TLS 1.2 or newer.

    The load balancer stays inside: CloudFront comes to it through interfaces of its own in the VPC, so there is no
    header to prove that it is CloudFront, and no secret in the state.

    `certificate_arn`: proved, in us-east-1. `firewall_arn`: of its web ACL. `internet`: the VPC is joined to it,
    or CloudFront makes no way in.

    Source: guide, "AWS Architecture", CloudFront; CloudFront developer guide, "Restrict access with VPC origins".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        account: str,
        domain: str,
        spec: AwsEdge,
        origin: LoadBalancer,
        internet: ITerraformDependable,
        certificate_arn: str,
        firewall_arn: str,
        logs_key: Key,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_NAME)
        way_in = CloudfrontVpcOrigin(
            self,
            "way-in",
            vpc_origin_endpoint_config=[
                CloudfrontVpcOriginVpcOriginEndpointConfig(
                    name=name,
                    arn=origin.arn,
                    http_port=80,
                    https_port=443,
                    origin_protocol_policy="https-only",
                    origin_ssl_protocols=[
                        CloudfrontVpcOriginVpcOriginEndpointConfigOriginSslProtocols(items=["TLSv1.2"], quantity=1)
                    ],
                )
            ],
            # It takes up to the quarter of an hour for which the provider waits by default.
            timeouts=CloudfrontVpcOriginTimeouts(create="30m", update="30m", delete="30m"),
            depends_on=[internet],
        )
        behaviors = Caching(self, "caching", name=name).behaviors
        distribution = CloudfrontDistribution(
            self,
            "Default",
            enabled=True,
            comment=name,
            aliases=[domain],
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class=spec.price_class,
            web_acl_id=firewall_arn,
            origin=[
                CloudfrontDistributionOrigin(
                    origin_id=ORIGIN_ID,
                    domain_name=origin.dns_name,
                    vpc_origin_config=CloudfrontDistributionOriginVpcOriginConfig(
                        vpc_origin_id=way_in.id, origin_read_timeout=REQUEST_TIMEOUT_SECONDS
                    ),
                )
            ],
            ordered_cache_behavior=[
                CloudfrontDistributionOrderedCacheBehavior(path_pattern=f"{prefix}*", **behaviors[rule.name])
                for rule in CACHE_RULES
                if rule is not EVERYTHING_ELSE
                for prefix in rule.path_prefixes
            ],
            default_cache_behavior=CloudfrontDistributionDefaultCacheBehavior(**behaviors[EVERYTHING_ELSE.name]),
            custom_error_response=[
                CloudfrontDistributionCustomErrorResponse(error_code=code, error_caching_min_ttl=0)
                for code in ERRORS_KEPT_BY_DEFAULT
            ],
            viewer_certificate=CloudfrontDistributionViewerCertificate(
                acm_certificate_arn=certificate_arn,
                ssl_support_method="sni-only",
                minimum_protocol_version="TLSv1.2_2021",
            ),
            restrictions=CloudfrontDistributionRestrictions(
                geo_restriction=CloudfrontDistributionRestrictionsGeoRestriction(restriction_type="none")
            ),
        )
        self.id: str = distribution.id
        self.domain_name: str = distribution.domain_name
        self.zone_id: str = distribution.hosted_zone_id
        AccessLog(
            self,
            "requests",
            name=naming.name(Kind.AWS_NAME, "edge-requests"),
            distribution=distribution,
            account=account,
            key=logs_key,
            retention_days=log_retention_days,
        )


class AccessLog(Construct):
    """Who asked CloudFront for what, in CloudWatch. Its older way to log needs a bucket that knows access lists.

    Source: CloudFront developer guide, "Configure standard logging (v2)".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        distribution: CloudfrontDistribution,
        account: str,
        key: Key,
        retention_days: int,
    ) -> None:
        super().__init__(scope, id)
        log = DeliveredLogs(
            self,
            "log",
            name=f"/aws/vendedlogs/cloudfront/{name}",
            key=key,
            retention_days=retention_days,
            account=account,
            region=EDGE_REGION,
        )
        source = CloudwatchLogDeliverySource(
            self, "source", region=EDGE_REGION, name=name, log_type="ACCESS_LOGS", resource_arn=distribution.arn
        )
        destination = CloudwatchLogDeliveryDestination(
            self,
            "destination",
            region=EDGE_REGION,
            name=name,
            output_format="json",
            delivery_destination_configuration=[
                CloudwatchLogDeliveryDestinationDeliveryDestinationConfiguration(destination_resource_arn=log.arn)
            ],
        )
        CloudwatchLogDelivery(
            self,
            "Default",
            region=EDGE_REGION,
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            record_fields=list(LOGGED_FIELDS),
            depends_on=[log.ready],
        )

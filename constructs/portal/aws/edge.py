"""The edge of one environment: the portal's name leads to CloudFront, and only that leads to the load balancer."""

from cdktf_cdktf_provider_aws.route53_health_check import Route53HealthCheck
from cdktf_cdktf_provider_aws.route53_record import Route53Record, Route53RecordAlias
from cdktf_cdktf_provider_aws.wafv2_web_acl_association import Wafv2WebAclAssociation
from constructs import Construct

from portal.aws.certificates import EDGE_REGION, proved_certificate, requested_certificate
from portal.aws.distribution import Distribution
from portal.aws.firewall import AT_LOAD_BALANCER, Firewall, at_edge
from portal.aws.keys import Key, Keys
from portal.aws.load_balancer import LoadBalancer
from portal.aws.monitoring import Alarms, of_distribution, of_reachability
from portal.aws.network import Network
from portal.kubernetes.probes import HEALTH
from portal.naming import Naming
from portal.spec.clouds import Aws, AwsEdge

RECORD_TYPES = ("A", "AAAA", "HTTPS")
"""Addresses of both kinds, and that the name speaks HTTP/3, so that a browser begins with it.

Source: Route 53 developer guide, "Values specific for alias records"; RFC 9460.
"""


class Edge(Construct):
    """CloudFront, a firewall before and one behind it, the portal's name, and who notices when that stops to answer.

    `key`: in us-east-1, of what CloudFront can have only there.

    Source: guide, "AWS Architecture", Networking and Security.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        cloud: Aws,
        spec: AwsEdge,
        domain: str,
        network: Network,
        balancer: LoadBalancer,
        keys: Keys,
        key: Key,
    ) -> None:
        super().__init__(scope, id)
        retention_days = cloud.cluster.log_retention_days
        outer = Firewall(
            self,
            "firewall",
            purpose="edge",
            screening=at_edge(requests_per_address=spec.requests_per_address),
            naming=naming,
            account=cloud.account,
            region=cloud.region,
            logs_key=key,
            log_retention_days=retention_days,
        )
        inner = Firewall(
            self,
            "inner-firewall",
            purpose="load-balancer",
            screening=AT_LOAD_BALANCER,
            naming=naming,
            account=cloud.account,
            region=cloud.region,
            logs_key=keys.logs,
            log_retention_days=retention_days,
        )
        Wafv2WebAclAssociation(self, "screened", resource_arn=balancer.arn, web_acl_arn=inner.arn)
        distribution = Distribution(
            self,
            "distribution",
            naming=naming,
            account=cloud.account,
            domain=domain,
            spec=spec,
            origin=balancer,
            internet=network.internet,
            certificate_arn=proved_certificate(
                self,
                certificate=requested_certificate(self, domain=domain, region=EDGE_REGION),
                proof=balancer.certificate_proof,
                region=EDGE_REGION,
            ),
            firewall_arn=outer.arn,
            logs_key=key,
            log_retention_days=retention_days,
        )
        for type in RECORD_TYPES:
            Route53Record(
                self,
                f"name-{type.lower()}",
                zone_id=balancer.zone_id,
                name=domain,
                type=type,
                alias=Route53RecordAlias(
                    name=distribution.domain_name, zone_id=distribution.zone_id, evaluate_target_health=False
                ),
            )
        health = Route53HealthCheck(
            self,
            "reachable",
            type="HTTPS",
            fqdn=domain,
            port=443,
            resource_path=HEALTH,
            enable_sni=True,
            request_interval=30,
            failure_threshold=3,
        )
        Alarms(
            self,
            "alarms",
            naming=naming,
            account=cloud.account,
            topic="edge-alarms",
            key=key,
            region=EDGE_REGION,
            emails=cloud.alarm_emails,
            alarms=[of_distribution(distribution.id), of_reachability(health.id)],
        )

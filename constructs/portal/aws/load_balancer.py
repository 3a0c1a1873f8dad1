"""The load balancer of one environment: an internal one, which the gateway's pods join by themselves."""

from typing import Any

from cdktf_cdktf_provider_aws.acm_certificate import AcmCertificate
from cdktf_cdktf_provider_aws.acm_certificate_validation import AcmCertificateValidation
from cdktf_cdktf_provider_aws.data_aws_route53_zone import DataAwsRoute53Zone
from cdktf_cdktf_provider_aws.lb import Lb, LbAccessLogs
from cdktf_cdktf_provider_aws.lb_listener import (
    LbListener,
    LbListenerDefaultAction,
    LbListenerDefaultActionRedirect,
)
from cdktf_cdktf_provider_aws.lb_target_group import LbTargetGroup, LbTargetGroupHealthCheck
from cdktf_cdktf_provider_aws.route53_record import Route53Record, Route53RecordAlias
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.vpc_security_group_egress_rule import VpcSecurityGroupEgressRule
from cdktf_cdktf_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from constructs import Construct

from portal.aws.cluster import Cluster
from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.aws.monitoring import of_load_balancer
from portal.aws.network import Network
from portal.aws.storage import REQUESTS_PREFIX, LogBucket
from portal.kubernetes import contract
from portal.kubernetes.mesh import GATEWAY_PORT, HEALTH_PATH, HEALTH_PORT
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy. Source: Elastic Load Balancing, "Security policies"."""

TRUSTED_PROXIES = 1
"""The load balancer alone appends to X-Forwarded-For."""

DEREGISTRATION_SECONDS = 30
"""How long a pod that leaves still finishes what it has: less than the gateway's grace period."""


class LoadBalancer(Construct):
    """An Application Load Balancer inside the VPC, with a public certificate for the portal's name.

    TLS ends here and begins again towards the gateway. Pods are targets by address, joined by a TargetGroupBinding; who
    may reach them is said here and not by the controller. Reached from the VPC and from networks that are routed to it.

    Source: guide, "AWS Architecture", Networking; Elastic Load Balancing, "Application Load Balancers".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        cluster: Cluster,
        cloud: Aws,
        domain: str,
        log: LogBucket | None,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        group = self._security_group(naming, network, cluster, cloud)
        balancer = Lb(
            self,
            "Default",
            name=naming.name(Kind.AWS_LOAD_BALANCER),
            internal=True,
            load_balancer_type="application",
            subnets=network.node_subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            # Adds the client's address to X-Forwarded-For, whatever the client wrote there.
            xff_header_processing_mode="append",
            enable_deletion_protection=protected,
            access_logs=LbAccessLogs(bucket=log.name, prefix=REQUESTS_PREFIX, enabled=True) if log else None,
            # The balancer tries at once whether it may write there.
            depends_on=list(log.ready) if log else None,
        )
        target = LbTargetGroup(
            self,
            "gateway",
            name=naming.name(Kind.AWS_LOAD_BALANCER, "gateway"),
            target_type="ip",
            protocol="HTTPS",
            port=GATEWAY_PORT,
            vpc_id=network.vpc_id,
            deregistration_delay=str(DEREGISTRATION_SECONDS),
            health_check=LbTargetGroupHealthCheck(
                protocol="HTTP",
                port=str(HEALTH_PORT),
                path=HEALTH_PATH,
                matcher="200",
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=2,
            ),
        )
        zone = DataAwsRoute53Zone(self, "zone", name=domain, private_zone=False)
        certificate = self._certificate(zone, domain)
        https = LbListener(
            self,
            "https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate.certificate_arn,
            default_action=[LbListenerDefaultAction(type="forward", target_group_arn=target.arn)],
        )
        LbListener(
            self,
            "http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_action=[
                LbListenerDefaultAction(
                    type="redirect",
                    redirect=LbListenerDefaultActionRedirect(port="443", protocol="HTTPS", status_code="HTTP_301"),
                )
            ],
        )
        Route53Record(
            self,
            "name",
            zone_id=zone.zone_id,
            name=domain,
            type="A",
            alias=Route53RecordAlias(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True),
        )
        self.target_group_arn: str = target.arn
        self.alarms = of_load_balancer(balancer.arn_suffix)
        self.ingress = contract.Ingress(
            client_cidrs=network.node_cidrs,
            trusted_proxies=TRUSTED_PROXIES,
            target_group=target.arn,
            # A pod counts as ready only when the load balancer sends to it, so that a rollout loses no request.
            namespace_labels={"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"},
            ready=(https,),
        )

    def _security_group(self, naming: Naming, network: Network, cluster: Cluster, cloud: Aws) -> SecurityGroup:
        """From the VPC to 443 and 80; from here to the gateway's two ports; and the same at the pods' own group."""
        group = SecurityGroup(
            self,
            "group",
            name=naming.name(Kind.AWS_NAME, "load-balancer"),
            description="Load balancer of the portal",
            vpc_id=network.vpc_id,
        )
        for port in (80, 443):
            VpcSecurityGroupIngressRule(
                self,
                f"from-network-{port}",
                security_group_id=group.id,
                description="From the VPC",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=str(cloud.network.cidr),
            )
        for port in (GATEWAY_PORT, HEALTH_PORT):
            VpcSecurityGroupEgressRule(
                self,
                f"to-gateway-{port}",
                security_group_id=group.id,
                description="To the gateway",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=cluster.security_group_id,
            )
            VpcSecurityGroupIngressRule(
                self,
                f"at-gateway-{port}",
                security_group_id=cluster.security_group_id,
                description="Load balancer to the gateway",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=group.id,
            )
        return group

    def _certificate(self, zone: DataAwsRoute53Zone, domain: str) -> AcmCertificateValidation:
        """Proved by a record in the portal's own zone, which the public zone has to delegate by then."""
        certificate = AcmCertificate(
            self,
            "certificate",
            domain_name=domain,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            lifecycle={"create_before_destroy": True},
        )
        # One name, so one option; the provider hands out a set.
        proof = certificate.domain_validation_options.get(0)
        record = Route53Record(
            self,
            "certificate-proof",
            zone_id=zone.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            allow_overwrite=True,
        )
        return AcmCertificateValidation(
            self, "certificate-proved", certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn]
        )


class TargetController(Construct):
    """The right of the load balancer controller to bring pods into one target group and out of it: nothing else is
    left to it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        cluster_name: str,
        region: str,
        target_group_arn: str,
        user: contract.ServiceAccount,
    ) -> None:
        super().__init__(scope, id)
        role = ServiceRole(
            self,
            "role",
            name=naming.name(Kind.AWS_NAME, "target-controller"),
            service=POD_IDENTITY,
            statements=may_join(target_group_arn),
        )
        association = given_to(self, "user", role=role, cluster_name=cluster_name, user=user)
        self.contract = contract.TargetController(
            cluster_name=cluster_name, region=region, network_id=network.vpc_id, ready=(association,)
        )


def may_join(target_group_arn: str) -> list[dict[str, Any]]:
    """Rights to register pods with the target group, and to look at what is around it.

    The calls that only read know no resources. Source: AWS Load Balancer Controller, "IAM permissions", those for a
    TargetGroupBinding without `networking`.
    """
    return [
        {
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
            "Resource": target_group_arn,
        },
    ]

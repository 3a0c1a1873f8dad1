"""The load balancer of one environment: an internal one, which the gateway's pods join by themselves."""

from typing import Any

from cdktf_cdktf_provider_aws.data_aws_ec2_managed_prefix_list import DataAwsEc2ManagedPrefixList
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

from portal.aws.certificates import proved_certificate, requested_certificate
from portal.aws.cluster import Cluster
from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.aws.monitoring import of_load_balancer
from portal.aws.network import Network
from portal.aws.storage import REQUESTS_PREFIX, LogBucket
from portal.kubernetes import contract
from portal.kubernetes.mesh import GATEWAY_PORT, HEALTH_PATH, HEALTH_PORT, REQUEST_TIMEOUT_SECONDS
from portal.naming import Kind, Naming, as_id
from portal.spec.clouds import Aws

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy. Source: Elastic Load Balancing, "Security policies"."""

EDGE_SERVERS = "com.amazonaws.global.cloudfront.origin-facing"
"""AWS's list of the addresses from which CloudFront asks. In a group it counts as 55 rules of the 60 that fit."""

DEREGISTRATION_SECONDS = 30
"""How long a pod that leaves still finishes what it has: less than the gateway's grace period."""


class LoadBalancer(Construct):
    """An Application Load Balancer inside the VPC, with a public certificate for the portal's name.

    TLS ends here and begins again towards the gateway. Pods are targets by address, joined by a TargetGroupBinding; who
    may reach them is said here and not by the controller. `behind_edge`: reached by CloudFront alone; else from the
    VPC, its pods included, and from the networks of the data that are routed to it, under the portal's own name.

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
        behind_edge: bool,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        group = self._security_group(naming, network, cluster)
        if behind_edge:
            self._admit_edge(group)
        else:
            self._admit_network(group, cloud)
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
            # The gateway gives up first, and says so.
            idle_timeout=REQUEST_TIMEOUT_SECONDS + 5,
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
        certificate = requested_certificate(self, domain=domain)
        # One name, so one option; the provider hands out a set.
        proof = certificate.domain_validation_options.get(0)
        proved = Route53Record(
            self,
            "certificate-proof",
            zone_id=zone.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            allow_overwrite=True,
        )
        https = LbListener(
            self,
            "https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            # Also what CloudFront wants to see: it asks for the portal under the portal's name.
            certificate_arn=proved_certificate(self, certificate=certificate, proof=proved.fqdn),
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
        if not behind_edge:
            Route53Record(
                self,
                "name",
                zone_id=zone.zone_id,
                name=domain,
                type="A",
                alias=Route53RecordAlias(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True),
            )
        self.arn: str = balancer.arn
        self.dns_name: str = balancer.dns_name
        self.dns_zone_id: str = balancer.zone_id
        self.group_id: str = group.id
        self.zone_id: str = zone.zone_id
        self.certificate_proof: str = proved.fqdn
        self.target_group_arn: str = target.arn
        self.alarms = of_load_balancer(balancer.arn_suffix)
        self.ingress = contract.Ingress(
            client_cidrs=network.node_cidrs,
            # Each appends the address that it was asked from to X-Forwarded-For: CloudFront, and the load balancer.
            trusted_proxies=2 if behind_edge else 1,
            target_group=target.arn,
            # A pod counts as ready only when the load balancer sends to it, so that a rollout loses no request. Pods
            # of a first install lack that gate: it is given when a pod is made, and the binding comes later.
            namespace_labels={"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"},
            ready=(https,),
        )

    def _security_group(self, naming: Naming, network: Network, cluster: Cluster) -> SecurityGroup:
        """From here to the gateway's two ports, and the same at the pods' own group; who gets in here is said apart."""
        group = SecurityGroup(
            self,
            "group",
            name=naming.name(Kind.AWS_NAME, "load-balancer"),
            description="Load balancer of the portal",
            vpc_id=network.vpc_id,
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

    def _admit_network(self, group: SecurityGroup, cloud: Aws) -> None:
        clients = {
            "network": ("From the VPC", cloud.network.cidr),
            # A load test's, for one: inside the VPC they keep their addresses.
            "pods": ("From pods", cloud.network.pod_cidr),
            **{as_id(str(cidr)): ("From a network of the data", cidr) for cidr in cloud.portal_allowed_cidrs},
        }
        for name, (description, cidr) in clients.items():
            for port in (80, 443):
                VpcSecurityGroupIngressRule(
                    self,
                    f"from-{name}-{port}",
                    security_group_id=group.id,
                    description=description,
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=str(cidr),
                )

    def _admit_edge(self, group: SecurityGroup) -> None:
        """On one port: the list does not fit twice. Who comes plainly was sent to HTTPS at the edge.

        Source: CloudFront developer guide, "Restrict access with VPC origins".
        """
        servers = DataAwsEc2ManagedPrefixList(self, "edge-servers", name=EDGE_SERVERS)
        VpcSecurityGroupIngressRule(
            self,
            "from-edge",
            security_group_id=group.id,
            description="From CloudFront",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            prefix_list_id=servers.id,
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

"""Machines for the load test alone, so that it does not take from the nodes what it measures on them."""

from typing import Final

from cdktf_cdktf_provider_aws.eks_fargate_profile import EksFargateProfile, EksFargateProfileSelector
from cdktf_cdktf_provider_aws.route53_record import Route53Record, Route53RecordAlias
from cdktf_cdktf_provider_aws.route53_zone import Route53Zone, Route53ZoneVpc
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.vpc_security_group_egress_rule import VpcSecurityGroupEgressRule
from cdktf_cdktf_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from constructs import Construct

from portal.aws.cluster import Cluster
from portal.aws.endpoints import Endpoints
from portal.aws.identity import ServiceRole
from portal.aws.keys import Keys
from portal.aws.load_balancer import LoadBalancer
from portal.aws.logs import LogGroup, may_write
from portal.aws.network import Network
from portal.kubernetes import contract
from portal.kubernetes.loadtest import METRICS_PORT, WORKERS_PORT
from portal.kubernetes.namespaces import LOAD_TEST
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws

KUBELET_PORT: Final = 10250
"""Where the control plane reads the logs and the health of a pod on Fargate."""


class LoadGenerators(Construct):
    """Fargate for the pods of the load test's namespace.

    Network policies do not hold there, so their security group does: out of it leads the way to the load balancer, and
    what a pod needs to start and to look at the autoscaler (names, the API server, images, logs). Inside the VPC the
    portal's name is the load balancer's, so the test meets neither CloudFront's cache nor its rate rule. Images come
    by the endpoints, so they lie in ECR. `contract`: what their pods carry and how their output is kept.

    Source: guide, "AWS Architecture", Compute; EKS user guide, "Fargate", "Pod execution IAM role", "Fargate logging".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        endpoints: Endpoints,
        cluster: Cluster,
        balancer: LoadBalancer,
        keys: Keys,
        cloud: Aws,
        domain: str,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_NAME, "load-generators")
        log_name = f"/aws/eks/{cluster.contract.name}/load-generators"
        log = LogGroup(self, "logs", name=log_name, key=keys.logs, retention_days=cloud.cluster.log_retention_days)
        role = ServiceRole(
            self,
            "role",
            name=name,
            service="eks-fargate-pods.amazonaws.com",
            source_arn=f"arn:aws:eks:{cloud.region}:{cloud.account}:fargateprofile/{cluster.contract.name}/*",
            managed=["AmazonEKSFargatePodExecutionRolePolicy"],
            statements=[may_write(log.arn)],
        )
        profile = EksFargateProfile(
            self,
            "Default",
            cluster_name=cluster.contract.name,
            fargate_profile_name=name,
            pod_execution_role_arn=role.arn,
            subnet_ids=list(network.pod_subnet_ids.values()),
            selector=[EksFargateProfileSelector(namespace=LOAD_TEST)],
            depends_on=[*role.granted, *network.egress],
        )
        group = SecurityGroup(
            self,
            "group",
            name=name,
            description=f"{name}: to the load balancer, and to what a pod needs to start",
            vpc_id=network.vpc_id,
        )
        self._group_id: str = group.id
        self._into("load-balancer", 443, peer=balancer.group_id)
        self._into("names-udp", 53, peer=cluster.security_group_id, protocol="udp")
        self._into("names-tcp", 53, peer=cluster.security_group_id)
        self._into("api", 443, peer=cluster.security_group_id)
        # Images and logs.
        self._to("services", 443, peer=endpoints.group_id)
        self._to("layers", 443, prefix_list=endpoints.s3_prefix_list_id)
        self._to("leader", WORKERS_PORT, peer=group.id)
        self._from("workers", WORKERS_PORT, peer=group.id)
        self._from("kubelet", KUBELET_PORT, peer=cluster.security_group_id)
        self._from("prometheus", METRICS_PORT, peer=cluster.security_group_id)
        if cloud.edge:
            self._name_inside(network, balancer, domain)
        self.contract = contract.LoadGenerators(
            security_group=group.id,
            log_settings={
                "output.conf": "\n".join(
                    [
                        "[OUTPUT]",
                        "    Name cloudwatch_logs",
                        "    Match *",
                        f"    region {cloud.region}",
                        f"    log_group_name {log_name}",
                        "    log_stream_prefix pod-",
                        "    auto_create_group false",
                    ]
                )
            },
            ready=(profile,),
        )

    def _name_inside(self, network: Network, balancer: LoadBalancer, domain: str) -> None:
        """Elsewhere the portal's name leads to the edge, here to what stands behind it."""
        zone = Route53Zone(
            self, "zone", name=domain, comment="Inside the VPC", vpc=[Route53ZoneVpc(vpc_id=network.vpc_id)]
        )
        Route53Record(
            self,
            "name",
            zone_id=zone.zone_id,
            name=domain,
            type="A",
            alias=Route53RecordAlias(
                name=balancer.dns_name, zone_id=balancer.dns_zone_id, evaluate_target_health=False
            ),
        )

    def _to(
        self, id: str, port: int, *, peer: str | None = None, prefix_list: str | None = None, protocol: str = "tcp"
    ) -> None:
        """Lets the group out, to another group or to a `prefix_list`."""
        VpcSecurityGroupEgressRule(
            self,
            f"to-{id}",
            security_group_id=self._group_id,
            description=f"To {id}",
            referenced_security_group_id=peer,
            prefix_list_id=prefix_list,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
        )

    def _into(self, id: str, port: int, *, peer: str, protocol: str = "tcp") -> None:
        """Lets the group out to one that has to let it in too."""
        self._to(id, port, peer=peer, protocol=protocol)
        self._from(id, port, peer=self._group_id, at=peer, protocol=protocol)

    def _from(self, id: str, port: int, *, peer: str, at: str | None = None, protocol: str = "tcp") -> None:
        """Lets `peer` into the group; `at`: into another one."""
        VpcSecurityGroupIngressRule(
            self,
            f"at-{id}" if at else f"from-{id}",
            security_group_id=at or self._group_id,
            description=f"Load generators to {id}" if at else f"From {id}",
            referenced_security_group_id=peer,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
        )

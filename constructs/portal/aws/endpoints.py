"""Ways to AWS's own services that do not leave the VPC."""

from typing import Any, Final

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.vpc_endpoint import VpcEndpoint
from cdktf_cdktf_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from constructs import Construct

from portal.aws.network import Network
from portal.aws.policies import policy_document
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws

PUBLIC_BUCKETS: Final = (
    # Layers of images in ECR. Source: ECR user guide, "Interface VPC endpoints", minimum Amazon S3 permissions.
    "prod-{region}-starport-layer-bucket",
    # Packages of Amazon Linux 2023. Source: AL2023 user guide, "Using Amazon VPC endpoints".
    "al2023-repos-{region}-de612dc2",
    # What the agent on the ops host updates itself from. Source: Systems Manager user guide, "SSM Agent communications
    # with AWS managed S3 buckets".
    "amazon-ssm-{region}",
    "amazon-ssm-packages-{region}",
    # Where registry.k8s.io sends callers from AWS; it may move, as it says itself. Source: registry.k8s.io, archeio.
    "prod-registry-k8s-io-{region}",
)
"""Of others, which nodes read in the same region, and which an endpoint for S3 would otherwise hide from them."""


class Endpoints(Construct):
    """S3 by the route tables, and the services that the data name by an address in every node subnet.

    What goes there pays no NAT and is seen by nobody. Each has its usual name, so that no client needs to know.
    `cloud.network.endpoint_policies`: they let through what this account's own identities ask for, and no others, so
    that stolen data cannot be carried to another account by credentials of that one.

    `group_id`: of the services' addresses, None where the data name no service. `ready`: they answer, until the last
    pod that asks them is gone; their names lead here for as long as they exist.

    Source: guide, "AWS Architecture", VPC Endpoints; AWS PrivateLink guide, "Control access using endpoint policies".
    """

    def __init__(self, scope: Construct, id: str, *, naming: Naming, network: Network, cloud: Aws) -> None:
        super().__init__(scope, id)
        guarded = cloud.network.endpoint_policies
        s3 = VpcEndpoint(
            self,
            "s3",
            vpc_id=network.vpc_id,
            service_name=f"com.amazonaws.{cloud.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=network.private_route_table_ids,
            policy=policy_document([*own_account(cloud.account), public_buckets(cloud.region)]) if guarded else None,
            tags={"Name": naming.name(Kind.AWS_NAME, "s3")},
        )
        self.s3_prefix_list_id: str = s3.prefix_list_id
        self.group_id: str | None = None
        self.ready: list[ITerraformDependable] = [s3]
        if not cloud.network.interface_endpoints:
            return
        name = naming.name(Kind.AWS_NAME, "endpoints")
        group = SecurityGroup(
            self, "group", name=name, description=f"{name}: whoever is in the VPC", vpc_id=network.vpc_id
        )
        self.group_id = group.id
        self.ready += [
            VpcSecurityGroupIngressRule(
                self,
                f"from-{field.replace('_', '-')}",
                security_group_id=group.id,
                description="Nodes, functions and pods",
                cidr_ipv4=str(getattr(cloud.network, field)),
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
            )
            for field in ("cidr", "pod_cidr")
        ]
        self.ready += [
            VpcEndpoint(
                self,
                service.replace(".", "-"),
                vpc_id=network.vpc_id,
                service_name=f"com.amazonaws.{cloud.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=network.node_subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                policy=policy_document(own_account(cloud.account)) if guarded else None,
                tags={"Name": naming.name(Kind.AWS_NAME, service.replace(".", "-"))},
            )
            for service in cloud.network.interface_endpoints
        ]


def own_account(account: str) -> list[dict[str, Any]]:
    """Lets identities of this account through to whatever their own policies allow; it grants nothing by itself."""
    return [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
        }
    ]


def public_buckets(region: str) -> dict[str, Any]:
    """Lets everybody read in `PUBLIC_BUCKETS`: links that are signed by others bear no identity of ours."""
    return {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": [f"arn:aws:s3:::{bucket.format(region=region)}/*" for bucket in PUBLIC_BUCKETS],
    }

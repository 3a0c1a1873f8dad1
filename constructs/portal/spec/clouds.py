"""A cloud's own block of an environment: what only that cloud calls by its own name."""

from ipaddress import IPv4Network
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from portal.spec.types import (
    AwsAccount,
    AwsRegion,
    Cidr,
    Email,
    IamRoleName,
    InstanceType,
    Name,
    Several,
    Spec,
    TimeZone,
    Uuid,
    as_tuple,
)
from portal.spec.workloads import Placement, StoreName

NodeGroupName = Literal["system", "application", "memory-optimized"]
"""The guide's node groups ("Cluster Configuration")."""
NODE_GROUPS: tuple[NodeGroupName, ...] = get_args(NodeGroupName)

WORKLOAD_TYPES: dict[NodeGroupName, str] = {
    "system": "system",
    "application": "application",
    "memory-optimized": "memory-intensive",
}
"""The guide's `workload-type` label of each node group."""


RESERVED: frozenset[NodeGroupName] = frozenset({"memory-optimized"})
"""Groups whose nodes are for pods that ask for them: a taint, the label again, keeps others away."""


class NodeGroup(Spec):
    """Bounds of one node group, the same on every cloud that has groups."""

    min: int = Field(ge=1, le=500)
    max: int = Field(ge=1, le=500)
    disk_gib: int = Field(ge=30, le=2048)
    architecture: Literal["amd64", "arm64"]


class Network(Spec):
    """Address ranges of one environment on one cloud.

    Environments in the same `routing_domain` can reach each other (peering, a transit hub, a VPN), so their routed
    ranges must differ.
    """

    routing_domain: Name
    cidr: Cidr = Field(description="Range of the network: node, data and public subnets are carved from it.")
    pod_cidr: Cidr
    service_cidr: Cidr = Field(description="Virtual range of Kubernetes Services; never routed.")

    @property
    def routed(self) -> dict[str, IPv4Network]:
        """Ranges that other networks of the routing domain can reach, by field."""
        return {"cidr": self.cidr, "pod_cidr": self.pod_cidr}


class OverlayNetwork(Network):
    """A network whose pods live on an overlay that nothing outside the cluster can reach."""

    @property
    def routed(self) -> dict[str, IPv4Network]:
        return {"cidr": self.cidr}


EndpointService = Literal[
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "secretsmanager",
    "ssm",
    "ssmmessages",
    "sts",
]
"""Services of AWS that the platform calls, as PrivateLink names them."""


class AwsNetwork(Network):
    """The VPC; pods take their addresses from a secondary range of it."""

    nat_gateways: Literal["single", "per-zone"]
    interface_endpoints: Annotated[tuple[EndpointService, ...], BeforeValidator(as_tuple)] = Field(
        description="Services that are reached without leaving the VPC; each costs by the hour in every zone."
    )
    endpoint_policies: bool = Field(
        description="Whether endpoints let through only what identities of this account ask for."
    )


class PublicApi(Spec):
    """Who may reach the Kubernetes API server over the internet; identity is checked on top."""

    api_allowed_cidrs: Several[Cidr]


IamRoles = Annotated[
    tuple[Annotated[str, Field(pattern=r"^([\w.-]+/)*[\w-]{1,64}$", examples=["PlatformOnCall"])], ...],
    BeforeValidator(as_tuple),
]
"""Names of roles of the environment's account, each with its path: those of IAM Identity Center have one."""


class AwsCluster(PublicApi):
    """EKS."""

    api_allowed_cidrs: Annotated[tuple[Cidr, ...], BeforeValidator(as_tuple)] = Field(
        description="Who may reach the API server over the internet; empty: nobody, and deploys run inside the network."
    )
    deployer_role: IamRoleName = Field(description="Name of the IAM role that deploys; it administers the cluster.")
    administrators: IamRoles = Field(default=(), description="Roles of people who may do everything in the cluster.")
    readers: IamRoles = Field(default=(), description="Roles of people who may look at everything in it, secrets too.")
    log_retention_days: Literal[7, 14, 30, 60, 90, 180, 365, 400, 731]


class AwsData(Spec):
    """The machines of the stores that are services, and where the second copy of all backups lies."""

    database_class: str = Field(pattern=r"^db\.[a-z0-9-]+\.[a-z0-9]+$", examples=["db.m8g.large"])
    cache_class: str = Field(pattern=r"^cache\.[a-z0-9-]+\.[a-z0-9]+$", examples=["cache.m7g.large"])
    second_region: AwsRegion | None = Field(
        examples=["eu-central-1"],
        description="Where copies of backups and secrets go; null: nowhere.",
    )


class AwsFunctions(Spec):
    """What watches and rotates."""

    reserved_concurrency: int | None = Field(
        ge=1, le=100, description="Of each function; null where the account's quota (10 in a new one) has no room."
    )


class AwsEdge(Spec):
    """CloudFront and the firewalls around it."""

    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = Field(
        description="How many of CloudFront's places answer: North America and Europe, most, all."
    )
    requests_per_address: int = Field(
        ge=10,
        le=2_000_000_000,
        description="Of one client address in five minutes; beyond it is refused. An office may have one address.",
    )


class AwsOpsHost(Spec):
    """The machine by which people reach what has no public address; it hibernates in the evening."""

    instance_type: InstanceType = Field(examples=["t3.small"], description="One that can hibernate.")
    disk_gib: int = Field(ge=20, le=100, description="Its memory has to fit too.")
    wakes_at_hour: int = Field(ge=0, le=23, description="On working days.")
    sleeps_at_hour: int = Field(ge=0, le=23)
    time_zone: TimeZone


class AwsNodes(Spec):
    """The EC2 side of a node group."""

    instance_type: InstanceType


class Cloud(Spec):
    """What every cloud's block may say."""

    placement: dict[StoreName, Placement] = Field(
        default={}, description="Stores that run elsewhere on this cloud than `data` says."
    )


class Aws(Cloud):
    """One environment on AWS."""

    account: AwsAccount
    region: AwsRegion
    zones: Annotated[Several[str], Field(min_length=3, max_length=3)]
    network: AwsNetwork
    cluster: AwsCluster
    data: AwsData
    functions: AwsFunctions
    edge: AwsEdge | None = Field(
        description="What stands between the internet and the load balancer; null: nothing, and only networks that are "
        "routed to the VPC reach the portal."
    )
    portal_allowed_cidrs: Annotated[tuple[Cidr, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="Networks outside the VPC that reach the portal where `edge` is null."
    )
    alarm_emails: Annotated[tuple[Email, ...], BeforeValidator(as_tuple)] = Field(
        default=(), max_length=10, description="Who hears of CloudWatch's alarms, once they opened the link AWS sends."
    )
    ops_host: AwsOpsHost | None = Field(description="null: nobody needs a way in beside the load balancer's.")
    load_generators: Literal["nodes", "fargate"] = Field(
        description="Where the pods of a load test run: on the nodes that they load, or on machines of their own."
    )
    nodes: dict[NodeGroupName, AwsNodes]


class GcpCluster(Spec):
    """GKE Autopilot. Its API is reached by a DNS name that Cloud IAM guards, so there is no address list."""

    release_channel: Literal["REGULAR", "STABLE", "EXTENDED"]
    log_retention_days: int = Field(ge=1, le=3650)


class Gcp(Cloud):
    """One environment on Google Cloud, in a project of its own. Autopilot spreads over the region's zones by itself."""

    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", examples=["example-portal-prod"])
    region: str = Field(pattern=r"^[a-z]+-[a-z]+\d+$", examples=["europe-west1"])
    network: Network
    cluster: GcpCluster


class AzureCluster(PublicApi):
    """AKS."""

    sku_tier: Literal["Free", "Standard"] = Field(description="Standard: the API server has an uptime agreement.")
    admin_group: Uuid = Field(
        description="Object id of the Entra group that administers cluster and keys; the deploying identity is in it."
    )
    log_retention_days: int = Field(ge=30, le=730)


class AzureNodes(Spec):
    """The virtual machine side of a node pool."""

    vm_size: str = Field(pattern=r"^Standard_[A-Z]+\d+[a-z]*(_v\d+)?$", examples=["Standard_D2s_v6"])


class Azure(Cloud):
    """One environment on Azure."""

    subscription: Uuid
    tenant: Uuid
    region: str = Field(pattern=r"^[a-z]+\d?$", examples=["westeurope"])
    zones: Annotated[Several[Literal["1", "2", "3"]], Field(min_length=3, max_length=3)]
    network: OverlayNetwork
    cluster: AzureCluster
    vault_recoverable_days: int = Field(
        ge=7, le=90, description="How long a deleted vault or key can be brought back; fixed when a vault is made."
    )
    nodes: dict[NodeGroupName, AzureNodes]


class Clouds(Spec):
    """The clouds on which this tier runs."""

    aws: Aws
    gcp: Gcp
    azure: Azure

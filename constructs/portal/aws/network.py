"""The VPC of one environment: three zones, each with a public, a node, a pod and a data subnet."""

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.default_security_group import DefaultSecurityGroup
from cdktf_cdktf_provider_aws.eip import Eip
from cdktf_cdktf_provider_aws.flow_log import FlowLog
from cdktf_cdktf_provider_aws.internet_gateway import InternetGateway
from cdktf_cdktf_provider_aws.nat_gateway import NatGateway
from cdktf_cdktf_provider_aws.route import Route
from cdktf_cdktf_provider_aws.route_table import RouteTable
from cdktf_cdktf_provider_aws.route_table_association import RouteTableAssociation
from cdktf_cdktf_provider_aws.subnet import Subnet
from cdktf_cdktf_provider_aws.vpc import Vpc
from cdktf_cdktf_provider_aws.vpc_ipv4_cidr_block_association import VpcIpv4CidrBlockAssociation
from constructs import Construct

from portal.aws.identity import ServiceRole
from portal.aws.keys import Key
from portal.aws.logs import LogGroup, may_write
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws
from portal.subnets import pod_subnets, zonal_subnets

EVERYWHERE = "0.0.0.0/0"


class Network(Construct):
    """Subnets in three zones: public ones for load balancers and NAT, private ones for nodes, pods and data.

    Pods have a range of their own, so that they cannot use up the nodes' addresses. Data subnets have no way to the
    internet. `egress`: what nodes need before they can pull an image. `internet`: the VPC is joined to it. Everything
    lives in the subnets, so Terraform refuses to replace one when `protected`.

    Source: guide, "AWS Architecture", VPC; EKS user guide, "Custom networking".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        cloud: Aws,
        logs_key: Key,
        log_retention_days: int,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        self._protected = protected
        name = naming.name(Kind.AWS_NAME)
        vpc = Vpc(
            self,
            "Default",
            cidr_block=str(cloud.network.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            lifecycle={"prevent_destroy": protected},
        )
        # Asked once: each attribute is a question to another process.
        vpc_id = vpc.id
        self.vpc_id: str = vpc_id
        # Adopts the group that AWS makes, and empties it: nothing gets rights by forgetting to name a group.
        DefaultSecurityGroup(self, "closed", vpc_id=vpc_id)
        FlowLogs(self, "flow-logs", name=name, vpc_id=vpc_id, key=logs_key, retention_days=log_retention_days)

        gateway = InternetGateway(self, "internet", vpc_id=vpc_id, tags={"Name": name})
        public_routes = RouteTable(self, "public", vpc_id=vpc_id, tags={"Name": f"{name}-public"})
        to_internet = Route(
            self,
            "public-out",
            route_table_id=public_routes.id,
            destination_cidr_block=EVERYWHERE,
            gateway_id=gateway.id,
        )
        data_routes = RouteTable(self, "data", vpc_id=vpc_id, tags={"Name": f"{name}-data"})
        pod_range = VpcIpv4CidrBlockAssociation(
            self, "pod-range", vpc_id=vpc_id, cidr_block=str(cloud.network.pod_cidr)
        )

        ranges = zonal_subnets(cloud.network.cidr, cloud.zones)
        pod_ranges = pod_subnets(cloud.network.pod_cidr, cloud.zones)
        self.node_cidrs = tuple(str(ranges[zone].nodes) for zone in cloud.zones)
        self.node_subnet_ids: list[str] = []
        self.pod_subnet_ids: dict[str, str] = {}
        self.data_subnet_ids: dict[str, str] = {}
        self.data_cidrs = tuple(str(ranges[zone].data) for zone in cloud.zones)
        self.internet: ITerraformDependable = to_internet
        self.egress: list[ITerraformDependable] = [to_internet]
        self.nat_ids: dict[str, str] = {}
        self.private_route_table_ids: list[str] = []
        nat: NatGateway | None = None
        for zone in cloud.zones:
            letter = zone.removeprefix(cloud.region)
            public = self._subnet(f"public-{letter}", zone, vpc_id, str(ranges[zone].public), public_routes)
            if nat is None or cloud.network.nat_gateways == "per-zone":
                address = Eip(self, f"nat-address-{letter}", domain="vpc", tags={"Name": f"{name}-nat-{letter}"})
                nat = NatGateway(
                    self,
                    f"nat-{letter}",
                    allocation_id=address.id,
                    subnet_id=public.id,
                    tags={"Name": f"{name}-{letter}"},
                    depends_on=[to_internet],
                )
                self.nat_ids[f"nat-{letter}"] = nat.id
            private_routes = RouteTable(
                self, f"private-{letter}", vpc_id=vpc_id, tags={"Name": f"{name}-private-{letter}"}
            )
            self.private_route_table_ids.append(private_routes.id)
            self.egress.append(
                Route(
                    self,
                    f"private-out-{letter}",
                    route_table_id=private_routes.id,
                    destination_cidr_block=EVERYWHERE,
                    nat_gateway_id=nat.id,
                )
            )
            nodes = self._subnet(f"nodes-{letter}", zone, vpc_id, str(ranges[zone].nodes), private_routes)
            # By way of the association, because the range has to be there first.
            pods = self._subnet(f"pods-{letter}", zone, pod_range.vpc_id, str(pod_ranges[zone]), private_routes)
            data = self._subnet(f"data-{letter}", zone, vpc_id, str(ranges[zone].data), data_routes)
            self.node_subnet_ids.append(nodes.id)
            self.pod_subnet_ids[zone] = pods.id
            self.data_subnet_ids[zone] = data.id

    def _subnet(self, id: str, zone: str, vpc_id: str, cidr: str, routes: RouteTable) -> Subnet:
        subnet = Subnet(
            self,
            id,
            vpc_id=vpc_id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={"Name": id},
            lifecycle={"prevent_destroy": self._protected},
        )
        routed = RouteTableAssociation(self, f"{id}-routes", subnet_id=subnet.id, route_table_id=routes.id)
        self.egress.append(routed)
        return subnet


class FlowLogs(Construct):
    """Accepted and rejected connections of the VPC, in CloudWatch. Source: VPC user guide, "VPC Flow Logs"."""

    def __init__(self, scope: Construct, id: str, *, name: str, vpc_id: str, key: Key, retention_days: int) -> None:
        super().__init__(scope, id)
        group = LogGroup(self, "group", name=f"/aws/vpc/{name}", key=key, retention_days=retention_days)
        role = ServiceRole(
            self,
            "writer",
            name=f"{name}-flow-logs",
            service="vpc-flow-logs.amazonaws.com",
            statements=[may_write(group.arn)],
        )
        FlowLog(
            self,
            "Default",
            vpc_id=vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            depends_on=list(role.granted),
        )

"""The virtual network of one environment: a subnet for nodes and one for data, across the region's zones."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_azurerm.nat_gateway import NatGateway
from cdktf_cdktf_provider_azurerm.nat_gateway_public_ip_association import NatGatewayPublicIpAssociation
from cdktf_cdktf_provider_azurerm.network_security_group import (
    NetworkSecurityGroup,
    NetworkSecurityGroupSecurityRule,
)
from cdktf_cdktf_provider_azurerm.public_ip import PublicIp
from cdktf_cdktf_provider_azurerm.subnet import Subnet as AzureSubnet
from cdktf_cdktf_provider_azurerm.subnet_nat_gateway_association import SubnetNatGatewayAssociation
from cdktf_cdktf_provider_azurerm.subnet_network_security_group_association import (
    SubnetNetworkSecurityGroupAssociation,
)
from cdktf_cdktf_provider_azurerm.virtual_network import VirtualNetwork
from constructs import Construct

from portal.azure.group import Group
from portal.naming import Kind, Naming
from portal.spec.clouds import Azure
from portal.subnets import regional_subnets

LOAD_BALANCER_PROBES = "AzureLoadBalancer"
"""The service tag of the address that probes come from. Denying the tag VirtualNetwork denies it too."""

EVERYONE = "*"


class Network(Construct):
    """A subnet for nodes, which leaves by a NAT gateway, and one for data, which does not leave.

    Pods live on an overlay: outside the cluster they have their node's address, but between nodes their own, which the
    nodes' rules therefore have to admit. The NAT gateway is one, in a zone that Azure picks: provider 4.55 knows only
    the gateway that cannot span zones. `egress`: what nodes need before they can pull an image; they then come from
    `egress_address`. `guarded`: the nodes' rules hold.

    Source: guide, "Azure Architecture"; AKS, "Azure CNI Overlay", "Network security groups"; azurerm_nat_gateway.
    """

    def __init__(self, scope: Construct, id: str, *, group: Group, naming: Naming, cloud: Azure) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AZURE_NAME)
        network = VirtualNetwork(
            self,
            "Default",
            resource_group_name=group.name,
            location=group.region,
            name=name,
            address_space=[str(cloud.network.cidr)],
            tags=group.tags,
        )
        ranges = regional_subnets(cloud.network.cidr)
        in_cluster = [str(ranges.nodes), str(cloud.network.pod_cidr)]
        nodes = Subnet(
            self,
            "nodes",
            group=group,
            network=network,
            cidr=ranges.nodes,
            admits={"cluster": in_cluster, "load-balancer-probes": [LOAD_BALANCER_PROBES]},
            endpoints=["Microsoft.KeyVault", "Microsoft.Storage"],
        )
        Subnet(self, "data", group=group, network=network, cidr=ranges.data, admits={"nodes": [str(ranges.nodes)]})

        address = PublicIp(
            self,
            "nat-address",
            resource_group_name=group.name,
            location=group.region,
            name=f"{name}-nat",
            sku="Standard",
            allocation_method="Static",
            zones=list(cloud.zones),
            tags=group.tags,
        )
        nat = NatGateway(
            self,
            "nat",
            resource_group_name=group.name,
            location=group.region,
            name=name,
            sku_name="Standard",
            tags=group.tags,
        )
        self.egress: tuple[ITerraformDependable, ...] = (
            NatGatewayPublicIpAssociation(
                self, "nat-has-address", nat_gateway_id=nat.id, public_ip_address_id=address.id
            ),
            SubnetNatGatewayAssociation(self, "nodes-out", subnet_id=nodes.resource_id, nat_gateway_id=nat.id),
        )
        self.egress_address: str = address.ip_address
        self.node_subnet_id: str = nodes.resource_id
        self.guarded = nodes.guarded


class Subnet(Construct):
    """A subnet that admits what it names and nothing else, and has no way out that nobody made.

    `admits`: rule -> source ranges, or one service tag, on every port. `endpoints`: services that it reaches by a way
    of their own, so that these can admit it by its id.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        network: VirtualNetwork,
        cidr: IPv4Network,
        admits: Mapping[str, Sequence[str]],
        endpoints: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        subnet = AzureSubnet(
            self,
            "Default",
            resource_group_name=group.name,
            virtual_network_name=network.name,
            name=id,
            address_prefixes=[str(cidr)],
            default_outbound_access_enabled=False,
            service_endpoints=list(endpoints) or None,
            # Private endpoints come under the rules too, which is not the default.
            private_endpoint_network_policies="Enabled",
        )
        rules = [
            inbound(name, priority=100 + 10 * index, access="Allow", sources=sources)
            for index, (name, sources) in enumerate(admits.items())
        ]
        security_group = NetworkSecurityGroup(
            self,
            "guard",
            resource_group_name=group.name,
            location=group.region,
            name=id,
            security_rule=[*rules, inbound("others", priority=4096, access="Deny", sources=[EVERYONE])],
            tags=group.tags,
        )
        self.resource_id: str = subnet.id
        self.guarded: ITerraformDependable = SubnetNetworkSecurityGroupAssociation(
            self, "guarded", subnet_id=subnet.id, network_security_group_id=security_group.id
        )


def inbound(name: str, *, priority: int, access: str, sources: Sequence[str]) -> NetworkSecurityGroupSecurityRule:
    """A rule on what comes in, on every port; a service tag or `*` has to be the only source."""
    alone = sources[0] if len(sources) == 1 else None
    return NetworkSecurityGroupSecurityRule(
        name=name,
        priority=priority,
        direction="Inbound",
        access=access,
        protocol="*",
        source_address_prefix=alone,
        source_address_prefixes=None if alone else list(sources),
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="*",
    )

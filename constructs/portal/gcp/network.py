"""The VPC of one environment: one regional subnet for nodes, with ranges for pods and Services."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.compute_network import ComputeNetwork
from cdktf_cdktf_provider_google.compute_router import ComputeRouter
from cdktf_cdktf_provider_google.compute_router_nat import (
    ComputeRouterNat,
    ComputeRouterNatLogConfig,
    ComputeRouterNatSubnetwork,
)
from cdktf_cdktf_provider_google.compute_subnetwork import (
    ComputeSubnetwork,
    ComputeSubnetworkLogConfig,
    ComputeSubnetworkSecondaryIpRange,
)
from constructs import Construct

from portal.naming import Kind, Naming
from portal.spec.clouds import Gcp
from portal.subnets import regional_subnets

PORTS_PER_NODE = 1024
"""A node's pods share its outgoing ports; Google's own minimum, 32, is gone with 32 connections to one address."""


class Network(Construct):
    """A network whose nodes and pods have private addresses only, and leave through Cloud NAT.

    Google's APIs are reached inside Google's network. There is no firewall rule: without one Google denies all that
    comes in, and GKE adds what the cluster itself needs. `egress`: what nodes need before they can pull an image.

    Source: guide, "GCP Architecture", Networking; GKE, "VPC-native clusters"; Cloud NAT, "Ports and addresses".
    """

    def __init__(
        self, scope: Construct, id: str, *, naming: Naming, cloud: Gcp, after: Sequence[ITerraformDependable]
    ) -> None:
        super().__init__(scope, id)
        self.pod_range = "pods"
        self.service_range = "services"
        name = naming.name(Kind.GCP_NAME)
        vpc = ComputeNetwork(
            self,
            "Default",
            name=name,
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            depends_on=list(after),
        )
        nodes = ComputeSubnetwork(
            self,
            "nodes",
            name=naming.name(Kind.GCP_NAME, "nodes"),
            network=vpc.id,
            region=cloud.region,
            ip_cidr_range=str(regional_subnets(cloud.network.cidr).nodes),
            secondary_ip_range=[
                ComputeSubnetworkSecondaryIpRange(range_name=self.pod_range, ip_cidr_range=str(cloud.network.pod_cidr)),
                ComputeSubnetworkSecondaryIpRange(
                    range_name=self.service_range, ip_cidr_range=str(cloud.network.service_cidr)
                ),
            ],
            private_ip_google_access=True,
            log_config=ComputeSubnetworkLogConfig(
                aggregation_interval="INTERVAL_1_MIN",
                # Enough to see who talks to whom, at half the volume.
                flow_sampling=0.5,
                metadata="INCLUDE_ALL_METADATA",
            ),
        )
        router = ComputeRouter(self, "router", name=name, network=vpc.id, region=cloud.region)
        nat = ComputeRouterNat(
            self,
            "nat",
            name=name,
            router=router.name,
            region=cloud.region,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetwork=[
                ComputeRouterNatSubnetwork(
                    name=nodes.id,
                    source_ip_ranges_to_nat=["PRIMARY_IP_RANGE", "LIST_OF_SECONDARY_IP_RANGES"],
                    secondary_ip_range_names=[self.pod_range],
                )
            ],
            # A busy node gets more ports, which excludes fixed mappings.
            enable_dynamic_port_allocation=True,
            enable_endpoint_independent_mapping=False,
            min_ports_per_vm=PORTS_PER_NODE,
            log_config=ComputeRouterNatLogConfig(enable=True, filter="ERRORS_ONLY"),
        )
        self.vpc_id: str = vpc.id
        self.node_subnet_id: str = nodes.id
        self.egress: tuple[ITerraformDependable, ...] = (nat,)

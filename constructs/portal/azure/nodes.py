"""AKS node pools: the guide's system, application and memory-optimized groups."""

from collections.abc import Mapping, Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_azurerm.kubernetes_cluster import (
    KubernetesClusterDefaultNodePool,
    KubernetesClusterDefaultNodePoolUpgradeSettings,
)
from cdktf_cdktf_provider_azurerm.kubernetes_cluster_node_pool import (
    KubernetesClusterNodePool,
    KubernetesClusterNodePoolUpgradeSettings,
)
from constructs import Construct

from portal.spec.clouds import RESERVED, WORKLOAD_TYPES, AzureNodes, NodeGroup, NodeGroupName

POOL_NAMES: dict[NodeGroupName, str] = {
    "system": "system",
    "application": "application",
    "memory-optimized": "memory",
}
"""AKS allows twelve letters and digits."""

MAX_PODS = 110
"""What Kubernetes is tested with ("Considerations for large clusters"). Each node has a /24 of the pod range anyway."""

MAX_SURGE = "33%"
DRAIN_TIMEOUT_MINUTES = 30
NODE_SOAK_MINUTES = 0


def rotation_name(pool: str) -> str:
    """The pool that stands in while `pool` is rebuilt with other machines; without a name for it AKS refuses to."""
    return f"{pool[:9]}tmp"


def system_pool(
    *,
    group: NodeGroup,
    machine: AzureNodes,
    subnet_id: str,
    zones: Sequence[str],
    kubernetes_version: str,
    tags: Mapping[str, str],
) -> KubernetesClusterDefaultNodePool:
    """The pool that a cluster is born with.

    It is not reserved for AKS's own pods: the guide puts operators and monitoring on this group, and their charts do
    not all take the toleration that the reservation's taint would ask for.
    """
    pool = POOL_NAMES["system"]
    return KubernetesClusterDefaultNodePool(
        name=pool,
        temporary_name_for_rotation=rotation_name(pool),
        type="VirtualMachineScaleSets",
        vm_size=machine.vm_size,
        os_disk_size_gb=group.disk_gib,
        os_disk_type="Managed",
        zones=list(zones),
        vnet_subnet_id=subnet_id,
        orchestrator_version=kubernetes_version,
        auto_scaling_enabled=True,
        min_count=group.min,
        max_count=group.max,
        node_count=group.min,
        max_pods=MAX_PODS,
        node_labels={"workload-type": WORKLOAD_TYPES["system"]},
        upgrade_settings=KubernetesClusterDefaultNodePoolUpgradeSettings(
            max_surge=MAX_SURGE,
            drain_timeout_in_minutes=DRAIN_TIMEOUT_MINUTES,
            node_soak_duration_in_minutes=NODE_SOAK_MINUTES,
        ),
        tags=tags,
    )


class NodeGroups(Construct):
    """One pool for each of the guide's groups but `system`, in all zones, with no public address.

    Disks are encrypted by the cluster's disk encryption set. Host encryption, which would add temporary disks and
    caches, is left out: a subscription has to register that feature by hand before its first deploy.

    Source: guide, "Cluster Configuration"; azurerm_kubernetes_cluster_node_pool.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_id: str,
        subnet_id: str,
        zones: Sequence[str],
        groups: Mapping[NodeGroupName, NodeGroup],
        machines: Mapping[NodeGroupName, AzureNodes],
        kubernetes_version: str,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id)
        self.groups: tuple[ITerraformDependable, ...] = tuple(
            KubernetesClusterNodePool(
                self,
                name,
                kubernetes_cluster_id=cluster_id,
                name=POOL_NAMES[name],
                temporary_name_for_rotation=rotation_name(POOL_NAMES[name]),
                mode="User",
                vm_size=machines[name].vm_size,
                os_disk_size_gb=group.disk_gib,
                os_disk_type="Managed",
                zones=list(zones),
                vnet_subnet_id=subnet_id,
                orchestrator_version=kubernetes_version,
                auto_scaling_enabled=True,
                min_count=group.min,
                max_count=group.max,
                node_count=group.min,
                max_pods=MAX_PODS,
                node_labels={"workload-type": WORKLOAD_TYPES[name]},
                node_taints=[f"workload-type={WORKLOAD_TYPES[name]}:NoSchedule"] if name in RESERVED else None,
                upgrade_settings=KubernetesClusterNodePoolUpgradeSettings(
                    max_surge=MAX_SURGE,
                    drain_timeout_in_minutes=DRAIN_TIMEOUT_MINUTES,
                    node_soak_duration_in_minutes=NODE_SOAK_MINUTES,
                ),
                tags=tags,
                # The autoscaler owns the count once the pool exists.
                lifecycle={"ignore_changes": ["node_count"]},
            )
            for name, group in groups.items()
            if name != "system"
        )

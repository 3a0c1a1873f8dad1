"""AKS: control plane, access, nodes."""

from collections.abc import Mapping

from cdktf_cdktf_provider_azurerm.kubernetes_cluster import (
    KubernetesCluster,
    KubernetesClusterApiServerAccessProfile,
    KubernetesClusterAzureActiveDirectoryRoleBasedAccessControl,
    KubernetesClusterIdentity,
    KubernetesClusterKeyManagementService,
    KubernetesClusterMaintenanceWindowAutoUpgrade,
    KubernetesClusterMaintenanceWindowNodeOs,
    KubernetesClusterNetworkProfile,
    KubernetesClusterWorkloadAutoscalerProfile,
)
from constructs import Construct

from portal.azure.group import Group
from portal.azure.identity import Identity, Role
from portal.azure.keys import DiskEncryption, Keys
from portal.azure.logs import AuditLogs, Workspace
from portal.azure.network import Network
from portal.azure.nodes import NodeGroups, system_pool
from portal.kubernetes import contract
from portal.naming import Kind, Naming
from portal.spec.clouds import Azure, NodeGroup, NodeGroupName

LOG_CATEGORIES = ("guard", "kube-apiserver", "kube-audit", "kube-controller-manager", "kube-scheduler")
"""Who was let in (guard) and what was asked and done. Source: AKS, "Monitoring data reference", "Resource logs"."""

KUBERNETES_ROLE_HOLDS_AFTER_SECONDS = 300
"""Source: AKS, "Azure RBAC for Kubernetes authorization": up to five minutes. Node pools take as long."""

AKS_SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The Entra application of every AKS API server, for which kubelogin asks a token."""

MAINTENANCE_DAY = "Sunday"
MAINTENANCE_START = "02:00"
MAINTENANCE_HOURS = 4


class Cluster(Construct):
    """An AKS cluster that only Entra identities enter, with its audit logs kept and its secrets encrypted by our key.

    Its API server is public but admits only listed networks, and the nodes' own NAT address, without which none joins.

    `versions.yaml` decides the minor version. Patches and node images come by themselves in the weekly window, because
    AKS does not move to a newer patch when it is given the same minor version again; for the same reason, the
    `1.x.y -> 1.x` that a plan shows afterwards changes nothing.

    Source: guide, "Azure Architecture", AKS; azurerm_kubernetes_cluster; AKS, "API server authorized IP ranges".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        naming: Naming,
        network: Network,
        keys: Keys,
        logs: Workspace,
        cloud: Azure,
        groups: Mapping[NodeGroupName, NodeGroup],
        kubernetes_version: str,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AZURE_NAME)
        identity = Identity(self, "control-plane", group=group, name=naming.name(Kind.AZURE_NAME, "control-plane"))
        disks = DiskEncryption(self, "disks", group=group, naming=naming, key=keys.data, protected=protected)
        rights = [
            self._right("joins-subnet", identity, "Network Contributor", network.node_subnet_id),
            self._right("encrypts-secrets", identity, "Key Vault Crypto User", keys.cluster.vault_id),
            self._right("encrypts-disks", identity, "Reader", disks.resource_id),
        ]
        cluster = KubernetesCluster(
            self,
            "Default",
            resource_group_name=group.name,
            location=group.region,
            name=name,
            node_resource_group=f"{name}-nodes",
            dns_prefix=name,
            sku_tier=cloud.cluster.sku_tier,
            kubernetes_version=kubernetes_version,
            automatic_upgrade_channel="patch",
            node_os_upgrade_channel="NodeImage",
            maintenance_window_auto_upgrade=KubernetesClusterMaintenanceWindowAutoUpgrade(
                frequency="Weekly",
                interval=1,
                day_of_week=MAINTENANCE_DAY,
                start_time=MAINTENANCE_START,
                utc_offset="+00:00",
                duration=MAINTENANCE_HOURS,
            ),
            maintenance_window_node_os=KubernetesClusterMaintenanceWindowNodeOs(
                frequency="Weekly",
                interval=1,
                day_of_week=MAINTENANCE_DAY,
                start_time=MAINTENANCE_START,
                utc_offset="+00:00",
                duration=MAINTENANCE_HOURS,
            ),
            identity=KubernetesClusterIdentity(type="UserAssigned", identity_ids=[identity.resource_id]),
            local_account_disabled=True,
            # A way to run commands in the cluster that passes by the list of networks.
            run_command_enabled=False,
            azure_active_directory_role_based_access_control=KubernetesClusterAzureActiveDirectoryRoleBasedAccessControl(
                tenant_id=cloud.tenant, azure_rbac_enabled=True
            ),
            workload_autoscaler_profile=KubernetesClusterWorkloadAutoscalerProfile(
                vertical_pod_autoscaler_enabled=True
            ),
            oidc_issuer_enabled=True,
            workload_identity_enabled=True,
            api_server_access_profile=KubernetesClusterApiServerAccessProfile(
                authorized_ip_ranges=[
                    *(str(cidr) for cidr in cloud.cluster.api_allowed_cidrs),
                    f"{network.egress_address}/32",
                ]
            ),
            network_profile=KubernetesClusterNetworkProfile(
                network_plugin="azure",
                network_plugin_mode="overlay",
                network_data_plane="cilium",
                network_policy="cilium",
                load_balancer_sku="standard",
                outbound_type="userAssignedNATGateway",
                pod_cidr=str(cloud.network.pod_cidr),
                service_cidr=str(cloud.network.service_cidr),
                dns_service_ip=str(cloud.network.service_cidr[10]),
            ),
            key_management_service=KubernetesClusterKeyManagementService(
                key_vault_key_id=keys.cluster.version_id, key_vault_network_access="Public"
            ),
            disk_encryption_set_id=disks.resource_id,
            default_node_pool=system_pool(
                group=groups["system"],
                machine=cloud.nodes["system"],
                subnet_id=network.node_subnet_id,
                zones=cloud.zones,
                kubernetes_version=kubernetes_version,
                tags=group.tags,
            ),
            tags=group.tags,
            lifecycle={
                "prevent_destroy": protected,
                # The autoscaler owns the count once the pool exists.
                "ignore_changes": ["default_node_pool[0].node_count"],
            },
            depends_on=[*(right.granted for right in rights), *network.egress, network.guarded],
        )
        AuditLogs(
            self,
            "audit",
            resource_id=cluster.id,
            workspace=logs,
            categories=LOG_CATEGORIES,
            tables="Dedicated",
        )
        deployer = Role(
            self,
            "deployer-administers",
            role="Azure Kubernetes Service RBAC Cluster Admin",
            resource_id=cluster.id,
            principal_id=cloud.cluster.admin_group,
            principal="Group",
            holds_after_seconds=KUBERNETES_ROLE_HOLDS_AFTER_SECONDS,
        )
        nodes = NodeGroups(
            self,
            "nodes",
            cluster_id=cluster.id,
            subnet_id=network.node_subnet_id,
            zones=cloud.zones,
            groups=groups,
            machines=cloud.nodes,
            kubernetes_version=kubernetes_version,
            tags=group.tags,
        )
        access = cluster.kube_config.get(0)
        self.contract = contract.Cluster(
            name=name,
            access=contract.ManagedAccess(
                host=access.host,
                ca=access.cluster_ca_certificate,
                auth=contract.ExecAuth(
                    command="kubelogin",
                    args=("get-token", "--login", "azurecli", "--server-id", AKS_SERVER_APPLICATION),
                ),
            ),
            # The cluster, and so its pools, come after egress and the subnet's rules.
            ready=(deployer.granted, *nodes.groups),
            node_pools=True,
            vertical_autoscaler=True,
            node_agents=True,
        )
        self.oidc_issuer_url: str = cluster.oidc_issuer_url
        self.volumes = fast_disks(encryption_id=disks.resource_id, tags=group.tags)

    def _right(self, id: str, identity: Identity, role: str, resource_id: str) -> Role:
        """A right of the control plane, on one resource."""
        return Role(
            self,
            id,
            role=role,
            resource_id=resource_id,
            principal_id=identity.principal_id,
            principal="ServicePrincipal",
        )


def fast_disks(*, encryption_id: str, tags: Mapping[str, str]) -> contract.VolumeClass:
    """Premium SSDs of one zone, which no link can export.

    The stores copy themselves across zones, so zone-redundant disks would pay for a second copy; and unlike Premium v2
    these exist in every region, with host caching.

    Source: azuredisk-csi-driver, "Driver Parameters"; Azure, "Managed disk types".
    """
    return contract.VolumeClass(
        provisioner="disk.csi.azure.com",
        parameters={
            "skuName": "Premium_LRS",
            "diskEncryptionSetID": encryption_id,
            "networkAccessPolicy": "DenyAll",
            "tags": ",".join(f"{key}={value}" for key, value in tags.items()),
        },
        snapshot_parameters={"incremental": "true"},
    )

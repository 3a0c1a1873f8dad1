"""GKE Autopilot: control plane, access, and the account of its nodes."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.container_cluster import (
    ContainerCluster,
    ContainerClusterClusterAutoscaling,
    ContainerClusterControlPlaneEndpointsConfig,
    ContainerClusterControlPlaneEndpointsConfigDnsEndpointConfig,
    ContainerClusterControlPlaneEndpointsConfigIpEndpointsConfig,
    ContainerClusterDatabaseEncryption,
    ContainerClusterIpAllocationPolicy,
    ContainerClusterLoggingConfig,
    ContainerClusterMasterAuth,
    ContainerClusterMasterAuthClientCertificateConfig,
    ContainerClusterMonitoringConfig,
    ContainerClusterMonitoringConfigManagedPrometheus,
    ContainerClusterPrivateClusterConfig,
    ContainerClusterReleaseChannel,
    ContainerClusterSecurityPostureConfig,
    ContainerClusterWorkloadIdentityConfig,
)
from cdktf_cdktf_provider_google.container_cluster import (
    ContainerClusterClusterAutoscalingAutoProvisioningDefaults as NodeDefaults,
)
from constructs import Construct

from portal.gcp.identity import ServiceAccount
from portal.gcp.keys import Keys
from portal.gcp.logs import Logs
from portal.gcp.network import Network
from portal.kubernetes import contract
from portal.naming import Kind, Naming
from portal.spec.clouds import Gcp

CONTROL_PLANE = ("APISERVER", "CONTROLLER_MANAGER", "SCHEDULER")
"""Parts that Google runs. Their metrics go to Cloud Monitoring, because no pod can scrape them."""

NODE_ROLES = ("container.defaultNodeServiceAccount",)
"""The least that GKE asks for: write logs and metrics. Source: GKE, "Harden your cluster's security"."""


class Cluster(Construct):
    """An Autopilot cluster with private nodes, whose API is reached by a DNS name that only IAM opens.

    The control plane has no address of its own, inside or outside: its DNS name has a public certificate, and Google
    checks the caller's rights (`container.clusters.connect`) before a request arrives. So a deploy works from anywhere,
    and nothing is open. Google runs the nodes; they get an account with the fewest rights, and disks under our key.

    Source: guide, "GCP Architecture", GKE Autopilot; GKE, "DNS-based endpoint", "Encrypt secrets at the application
    layer"; provider docs, `google_container_cluster`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        keys: Keys,
        logs: Logs,
        cloud: Gcp,
        kubernetes_version: str,
        protected: bool,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.GCP_NAME)
        account = ServiceAccount(
            self,
            "node",
            project=cloud.project,
            name=naming.name(Kind.GCP_ACCOUNT, "node"),
            purpose=f"Nodes of the cluster {name}",
            roles=NODE_ROLES,
            after=after,
        )
        cluster = ContainerCluster(
            self,
            "Default",
            name=name,
            location=cloud.region,
            enable_autopilot=True,
            deletion_protection=protected,
            # A minor version takes its newest patch, and lets the channel go on from there.
            min_master_version=kubernetes_version,
            release_channel=ContainerClusterReleaseChannel(channel=cloud.cluster.release_channel),
            network=network.vpc_id,
            subnetwork=network.node_subnet_id,
            ip_allocation_policy=ContainerClusterIpAllocationPolicy(
                cluster_secondary_range_name=network.pod_range,
                services_secondary_range_name=network.service_range,
            ),
            private_cluster_config=ContainerClusterPrivateClusterConfig(
                enable_private_nodes=True,
                # What Google answers when IP endpoints are off; any other value would be a change in every plan.
                enable_private_endpoint=True,
            ),
            control_plane_endpoints_config=ContainerClusterControlPlaneEndpointsConfig(
                dns_endpoint_config=ContainerClusterControlPlaneEndpointsConfigDnsEndpointConfig(
                    allow_external_traffic=True
                ),
                ip_endpoints_config=ContainerClusterControlPlaneEndpointsConfigIpEndpointsConfig(enabled=False),
            ),
            master_auth=ContainerClusterMasterAuth(
                client_certificate_config=ContainerClusterMasterAuthClientCertificateConfig(
                    issue_client_certificate=False
                )
            ),
            cluster_autoscaling=ContainerClusterClusterAutoscaling(
                auto_provisioning_defaults=NodeDefaults(
                    service_account=account.email,
                    # The account's roles are the limit, as Google advises.
                    oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
                    boot_disk_kms_key=keys.data.id,
                )
            ),
            database_encryption=ContainerClusterDatabaseEncryption(state="ENCRYPTED", key_name=keys.cluster.id),
            workload_identity_config=ContainerClusterWorkloadIdentityConfig(
                workload_pool=f"{cloud.project}.svc.id.goog"
            ),
            security_posture_config=ContainerClusterSecurityPostureConfig(mode="BASIC"),
            logging_config=ContainerClusterLoggingConfig(
                enable_components=["SYSTEM_COMPONENTS", *CONTROL_PLANE, "WORKLOADS"]
            ),
            monitoring_config=ContainerClusterMonitoringConfig(
                enable_components=["SYSTEM_COMPONENTS", *CONTROL_PLANE],
                # Autopilot does not let it be off.
                managed_prometheus=ContainerClusterMonitoringConfigManagedPrometheus(enabled=True),
            ),
            lifecycle={"prevent_destroy": protected},
            depends_on=[
                *keys.cluster.usable,
                *keys.data.usable,
                *account.granted,
                *network.egress,
                *logs.ready,
            ],
        )
        endpoint = cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint
        self.contract = contract.Cluster(
            name=name,
            access=contract.ManagedAccess(
                host=f"https://{endpoint}",
                ca=None,
                auth=contract.ExecAuth(
                    command="gke-gcloud-auth-plugin",
                    # The credentials that Terraform itself uses, so that gcloud need not be installed or logged in.
                    args=("--use_application_default_credentials",),
                    # The only one that the plugin speaks.
                    api_version="v1beta1",
                ),
            ),
            ready=(cluster, *keys.data.usable, *account.granted, *network.egress),
            node_pools=False,
            vertical_autoscaler=True,
            node_agents=False,
            # The metadata server, by its name and behind it.
            identity_endpoints=(("169.254.169.254/32", 80), ("169.254.169.252/32", 988)),
        )
        self.id = cluster.id
        self.volumes = contract.VolumeClass(
            provisioner="pd.csi.storage.gke.io",
            # The fast disk that Autopilot's general-purpose machines take; hyperdisks need other machine families.
            parameters={"type": "pd-ssd", "disk-encryption-kms-key": keys.data.id},
            snapshot_parameters={},
        )

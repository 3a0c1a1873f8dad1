"""EKS: control plane, access, addons, nodes."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cdktf import Fn, ITerraformDependable
from cdktf_cdktf_provider_aws.eks_access_entry import EksAccessEntry
from cdktf_cdktf_provider_aws.eks_access_policy_association import (
    EksAccessPolicyAssociation,
    EksAccessPolicyAssociationAccessScope,
)
from cdktf_cdktf_provider_aws.eks_addon import EksAddon, EksAddonPodIdentityAssociation
from cdktf_cdktf_provider_aws.eks_cluster import (
    EksCluster,
    EksClusterAccessConfig,
    EksClusterEncryptionConfig,
    EksClusterEncryptionConfigProvider,
    EksClusterKubernetesNetworkConfig,
    EksClusterUpgradePolicy,
    EksClusterVpcConfig,
)
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from constructs import Construct

from portal.aws.endpoints import Endpoints
from portal.aws.identity import POD_IDENTITY, ServiceRole
from portal.aws.keys import Keys
from portal.aws.logs import LATE_SECONDS, LogGroup
from portal.aws.network import Network
from portal.aws.nodes import NodeGroups
from portal.kubernetes import contract, traffic
from portal.naming import Kind, Naming, as_id
from portal.spec.clouds import Aws, NodeGroup, NodeGroupName
from portal.spec.shared import PLANNER
from portal.spec.versions import AddonName, Versions

AccessRight = Literal["administers", "views"]
ACCESS_POLICIES: dict[AccessRight, str] = {
    "administers": "AmazonEKSClusterAdminPolicy",
    # Of everything, Secrets too.
    "views": "AmazonEKSAdminViewPolicy",
}

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


class Cluster(Construct):
    """A private-node EKS cluster that only access entries open, with all its logs kept and its secrets encrypted.

    Addons that a node needs to become ready come before the nodes and outlive them; those that run as pods come after.

    Source: guide, "AWS Architecture", EKS; EKS user guide, "Access entries", "Add-ons", "Envelope encryption".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        endpoints: Endpoints,
        keys: Keys,
        cloud: Aws,
        groups: Mapping[NodeGroupName, NodeGroup],
        versions: Versions,
        tags: Mapping[str, str],
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        self._naming = naming
        self._addon_versions = versions.eks_addons.versions
        name = naming.name(Kind.AWS_NAME)
        role = ServiceRole(
            self,
            "control-plane",
            name=naming.name(Kind.AWS_NAME, "control-plane"),
            service="eks.amazonaws.com",
            managed=["AmazonEKSClusterPolicy"],
        )
        log_group = LogGroup(
            self,
            "logs",
            name=f"/aws/eks/{name}/cluster",
            key=keys.logs,
            retention_days=cloud.cluster.log_retention_days,
            late_seconds=LATE_SECONDS,
        )
        cluster = EksCluster(
            self,
            "Default",
            name=name,
            version=versions.kubernetes.version,
            role_arn=role.arn,
            deletion_protection=protected,
            bootstrap_self_managed_addons=False,
            access_config=EksClusterAccessConfig(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            vpc_config=EksClusterVpcConfig(
                subnet_ids=network.node_subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=bool(cloud.cluster.api_allowed_cidrs),
                public_access_cidrs=[str(cidr) for cidr in cloud.cluster.api_allowed_cidrs] or None,
            ),
            kubernetes_network_config=EksClusterKubernetesNetworkConfig(
                service_ipv4_cidr=str(cloud.network.service_cidr)
            ),
            encryption_config=EksClusterEncryptionConfig(
                provider=EksClusterEncryptionConfigProvider(key_arn=keys.cluster.arn), resources=["secrets"]
            ),
            enabled_cluster_log_types=list(LOG_TYPES),
            upgrade_policy=EksClusterUpgradePolicy(support_type="STANDARD"),
            lifecycle={"prevent_destroy": protected},
            depends_on=[*role.granted, *log_group.before_writers],
        )
        deployer = self._admits(cluster, "deployer", "administers", cloud.account, cloud.cluster.deployer_role)
        # A plan refreshes releases, which keep their state in Secrets.
        self._admits(cluster, "planner", "views", cloud.account, PLANNER)
        for role_name in cloud.cluster.administrators:
            self._admits(cluster, f"administrator-{as_id(role_name)}", "administers", cloud.account, role_name)
        for role_name in cloud.cluster.readers:
            self._admits(cluster, f"reader-{as_id(role_name)}", "views", cloud.account, role_name)
        # Beside the cluster's own group, which pods on Fargate carry too: data stores admit only this one.
        members = SecurityGroup(
            self,
            "members",
            name=naming.name(Kind.AWS_NAME, "nodes"),
            description="Nodes and the pods on them; data stores admit this group",
            vpc_id=network.vpc_id,
        )
        self.members_group_id: str = members.id
        groups_of_nodes = [cluster.vpc_config.cluster_security_group_id, members.id]
        before_nodes = self._node_addons(cluster, network, cloud, groups_of_nodes)
        nodes = NodeGroups(
            self,
            "nodes",
            cluster_name=cluster.name,
            role=ServiceRole(
                self,
                "node",
                name=naming.name(Kind.AWS_NAME, "node"),
                service="ec2.amazonaws.com",
                # Not the minimal one: a node asks EC2 for its own name before it joins.
                managed=["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"],
            ),
            subnet_ids=network.node_subnet_ids,
            security_group_ids=groups_of_nodes,
            disk_key=keys.data,
            groups=groups,
            machines=cloud.nodes,
            tags=tags,
            version=versions.kubernetes.version,
            protected=protected,
            after=[*before_nodes, *network.egress],
        )
        self.security_group_id: str = cluster.vpc_config.cluster_security_group_id
        after_nodes = self._pod_addons(cluster, keys, nodes.groups)
        self.contract = contract.Cluster(
            name=name,
            access=contract.ManagedAccess(
                host=cluster.endpoint,
                ca=cluster.certificate_authority.get(0).data,
                auth=contract.ExecAuth(
                    command="aws",
                    args=("eks", "get-token", "--cluster-name", name, "--region", cloud.region),
                ),
            ),
            ready=(deployer, *before_nodes, *nodes.groups, *after_nodes, *network.egress, *endpoints.ready),
            node_pools=True,
            vertical_autoscaler=False,
            node_agents=True,
            # The agent on each node that hands out the credentials of a pod's role.
            identity_endpoints=((traffic.POD_IDENTITY_AGENT, 80),),
        )
        self.volumes = contract.VolumeClass(
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": keys.data.arn},
            snapshot_parameters={},
        )

    def _admits(
        self, cluster: EksCluster, id: str, right: AccessRight, account: str, role_name: str
    ) -> ITerraformDependable:
        """Lets whoever has a role of the account into all of the cluster. Ready when the right is there."""
        entry = EksAccessEntry(
            self, id, cluster_name=cluster.name, principal_arn=f"arn:aws:iam::{account}:role/{role_name}"
        )
        return EksAccessPolicyAssociation(
            self,
            f"{id}-{right}",
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{ACCESS_POLICIES[right]}",
            access_scope=EksAccessPolicyAssociationAccessScope(type="cluster"),
        )

    def _node_addons(
        self, cluster: EksCluster, network: Network, cloud: Aws, security_group_ids: Sequence[str]
    ) -> Sequence[ITerraformDependable]:
        """What runs on a node from its first second; without it the node never becomes ready."""
        cni_role = self._pod_role("network-plugin", managed=["AmazonEKS_CNI_Policy"])
        cni = self._addon(
            cluster,
            "vpc-cni",
            values=pod_networking(
                region=cloud.region,
                subnet_ids=network.pod_subnet_ids,
                security_group_ids=security_group_ids,
            ),
            identity=EksAddonPodIdentityAssociation(role_arn=cni_role.arn, service_account="aws-node"),
            after=cni_role.granted,
        )
        return [cni, self._addon(cluster, "kube-proxy"), self._addon(cluster, "eks-pod-identity-agent")]

    def _pod_addons(
        self, cluster: EksCluster, keys: Keys, nodes: Sequence[ITerraformDependable]
    ) -> Sequence[ITerraformDependable]:
        """What runs as ordinary pods and waits for nodes: names, volumes and snapshots, autoscaling metrics."""
        volume_role = self._pod_role(
            "volumes",
            managed=["service-role/AmazonEBSCSIDriverPolicy"],
            statements=[
                {
                    "Effect": "Allow",
                    "Action": [
                        "kms:Decrypt",
                        "kms:DescribeKey",
                        "kms:GenerateDataKeyWithoutPlaintext",
                        "kms:ReEncrypt*",
                    ],
                    "Resource": keys.data.arn,
                },
                {
                    "Effect": "Allow",
                    "Action": "kms:CreateGrant",
                    "Resource": keys.data.arn,
                    "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
                },
            ],
        )
        volumes = self._addon(
            cluster,
            "aws-ebs-csi-driver",
            identity=EksAddonPodIdentityAssociation(role_arn=volume_role.arn, service_account="ebs-csi-controller-sa"),
            after=[*volume_role.granted, *nodes],
        )
        file_role = self._pod_role("files", managed=["service-role/AmazonEFSCSIDriverPolicy"])
        files = self._addon(
            cluster,
            "aws-efs-csi-driver",
            identity=EksAddonPodIdentityAssociation(role_arn=file_role.arn, service_account="efs-csi-controller-sa"),
            after=[*file_role.granted, *nodes],
        )
        return [
            volumes,
            files,
            self._addon(cluster, "coredns", after=nodes),
            self._addon(cluster, "metrics-server", after=nodes),
            self._addon(cluster, "snapshot-controller", after=nodes),
        ]

    def _pod_role(
        self, purpose: str, *, managed: Sequence[str], statements: Sequence[Mapping[str, Any]] = ()
    ) -> ServiceRole:
        return ServiceRole(
            self,
            purpose,
            name=self._naming.name(Kind.AWS_NAME, purpose),
            service=POD_IDENTITY,
            managed=managed,
            statements=statements,
        )

    def _addon(
        self,
        cluster: EksCluster,
        name: AddonName,
        *,
        values: Mapping[str, Any] | None = None,
        identity: EksAddonPodIdentityAssociation | None = None,
        after: Sequence[ITerraformDependable] = (),
    ) -> EksAddon:
        return EksAddon(
            self,
            name,
            cluster_name=cluster.name,
            addon_name=name,
            addon_version=self._addon_versions[name],
            configuration_values=Fn.jsonencode(values) if values else None,
            pod_identity_association=[identity] if identity else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            depends_on=list(after) or None,
        )


def pod_networking(*, region: str, subnet_ids: Mapping[str, str], security_group_ids: Sequence[str]) -> dict[str, Any]:
    """Values of the vpc-cni addon: pods take addresses from their zone's pod subnet, and network policies hold.

    Prefixes of 16 addresses keep a node's default pod limit reachable although the first interface carries no pods.
    Source: amazon-vpc-cni-k8s, README and the chart's `eniConfig`.
    """
    return {
        "enableNetworkPolicy": "true",
        "env": {
            "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true",
            "ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone",
            "ENABLE_PREFIX_DELEGATION": "true",
        },
        "eniConfig": {
            "create": True,
            "region": region,
            "subnets": {
                zone: {"id": subnet_id, "securityGroups": list(security_group_ids)}
                for zone, subnet_id in subnet_ids.items()
            },
        },
    }

"""EC2 node groups: the guide's system, application and memory-optimized groups."""

from collections.abc import Mapping, Sequence

from cdktf import ITerraformDependable, Token
from cdktf_cdktf_provider_aws.eks_node_group import (
    EksNodeGroup,
    EksNodeGroupLaunchTemplate,
    EksNodeGroupScalingConfig,
    EksNodeGroupTaint,
    EksNodeGroupTimeouts,
    EksNodeGroupUpdateConfig,
)
from cdktf_cdktf_provider_aws.launch_template import (
    LaunchTemplate,
    LaunchTemplateBlockDeviceMappings,
    LaunchTemplateBlockDeviceMappingsEbs,
    LaunchTemplateMetadataOptions,
    LaunchTemplateTagSpecifications,
)
from constructs import Construct

from portal.aws.identity import ServiceRole
from portal.aws.keys import Key
from portal.spec.clouds import RESERVED, WORKLOAD_TYPES, AwsNodes, NodeGroup, NodeGroupName

AMI_TYPES = {"amd64": "AL2023_x86_64_STANDARD", "arm64": "AL2023_ARM_64_STANDARD"}


class NodeGroups(Construct):
    """One managed group for each of the guide's groups, with encrypted disks and no public address.

    `version`: of Kubernetes. `after`: what a node needs to join and to leave in order, such as the network plugin. A
    group that goes takes with it the only nodes that its pods accept, so Terraform refuses that when `protected`.

    Source: guide, "Cluster Configuration"; EKS user guide, "Managed node groups".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        role: ServiceRole,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str],
        disk_key: Key,
        groups: Mapping[NodeGroupName, NodeGroup],
        machines: Mapping[NodeGroupName, AwsNodes],
        tags: Mapping[str, str],
        version: str,
        protected: bool,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        self.groups: tuple[ITerraformDependable, ...] = tuple(
            EksNodeGroup(
                self,
                name,
                cluster_name=cluster_name,
                node_group_name=name,
                node_role_arn=role.arn,
                subnet_ids=list(subnet_ids),
                # Said, or nodes keep the version of the group's first day.
                version=version,
                ami_type=AMI_TYPES[group.architecture],
                labels={"workload-type": WORKLOAD_TYPES[name]},
                taint=[EksNodeGroupTaint(key="workload-type", value=WORKLOAD_TYPES[name], effect="NO_SCHEDULE")]
                if name in RESERVED
                else None,
                scaling_config=EksNodeGroupScalingConfig(
                    min_size=group.min, max_size=group.max, desired_size=group.min
                ),
                update_config=EksNodeGroupUpdateConfig(max_unavailable_percentage=33),
                # The machine's type too: as an argument of the group, another one would delete the group first.
                launch_template=self._launch_template(
                    name, group, machines[name].instance_type, security_group_ids, disk_key, tags
                ),
                # Waves of a third, each of which may drain for a quarter of an hour.
                timeouts=EksNodeGroupTimeouts(update="2h"),
                # The autoscaler owns the count once the group exists.
                lifecycle={"ignore_changes": ["scaling_config[0].desired_size"], "prevent_destroy": protected},
                depends_on=[*role.granted, *after],
            )
            for name, group in groups.items()
        )

    def _launch_template(
        self,
        name: str,
        group: NodeGroup,
        instance_type: str,
        security_group_ids: Sequence[str],
        disk_key: Key,
        tags: Mapping[str, str],
    ) -> EksNodeGroupLaunchTemplate:
        template = LaunchTemplate(
            self,
            f"{name}-machine",
            name_prefix=f"{name}-",
            update_default_version=True,
            instance_type=instance_type,
            vpc_security_group_ids=list(security_group_ids),
            # Pods cannot reach the node's credentials: version 2 tokens, and no hop beyond the node itself.
            metadata_options=LaunchTemplateMetadataOptions(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                LaunchTemplateBlockDeviceMappings(
                    device_name="/dev/xvda",
                    ebs=LaunchTemplateBlockDeviceMappingsEbs(
                        volume_size=group.disk_gib,
                        volume_type="gp3",
                        encrypted="true",
                        kms_key_id=disk_key.arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            # The provider's default tags do not reach what Auto Scaling makes from the template.
            tag_specifications=[
                LaunchTemplateTagSpecifications(resource_type=kind, tags={**tags, "Name": name})
                for kind in ("instance", "volume", "network-interface")
            ],
        )
        # By number, so that a plan shows when nodes will be replaced.
        return EksNodeGroupLaunchTemplate(id=template.id, version=Token.as_string(template.latest_version))

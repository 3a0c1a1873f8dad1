"""A way into the network for people, without a door: a machine that is asleep when nobody works."""

from typing import Final

from cdktf import Fn
from cdktf_cdktf_provider_aws.data_aws_ssm_parameter import DataAwsSsmParameter
from cdktf_cdktf_provider_aws.iam_instance_profile import IamInstanceProfile
from cdktf_cdktf_provider_aws.instance import Instance, InstanceMetadataOptions, InstanceRootBlockDevice
from cdktf_cdktf_provider_aws.scheduler_schedule import (
    SchedulerSchedule,
    SchedulerScheduleFlexibleTimeWindow,
    SchedulerScheduleTarget,
    SchedulerScheduleTargetDeadLetterConfig,
)
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.vpc_security_group_egress_rule import VpcSecurityGroupEgressRule
from cdktf_cdktf_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from constructs import Construct

from portal.aws.functions import Functions
from portal.aws.identity import ServiceRole
from portal.aws.keys import Keys
from portal.aws.network import EVERYWHERE, Network
from portal.aws.policies import may_encrypt
from portal.naming import Kind, Naming
from portal.spec.clouds import AwsOpsHost
from portal.spec.rules.machines import machine_architecture

IMAGES: Final = {"amd64": "x86_64", "arm64": "arm64"}
"""Source: AL2023 user guide, "AL2023 on Amazon EC2", public parameters."""


class OpsHost(Construct):
    """The far end of a tunnel to what has no public address: the API server, and by way of it the rest.

    Whoever may start a session of Systems Manager gets in, and nobody else: there is no inbound rule, no key and no
    public address. The host itself may do nothing in the account or the cluster; people bring their own rights through
    the tunnel (docs/runbooks/reach-private-network.md). In the evening it hibernates, in the morning it wakes.

    Source: guide, "AWS Architecture", Compute; Systems Manager user guide, "Starting a session (port forwarding to
    remote host)"; EC2 user guide, "Hibernate your Amazon EC2 instance".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        cluster_group_id: str,
        keys: Keys,
        functions: Functions,
        spec: AwsOpsHost,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_NAME, "ops-host")
        role = ServiceRole(
            self, "role", name=name, service="ec2.amazonaws.com", managed=["AmazonSSMManagedInstanceCore"]
        )
        profile = IamInstanceProfile(self, "profile", name=name, role=role.name, depends_on=list(role.granted))
        group = SecurityGroup(self, "group", name=name, description=f"{name}: nobody comes in", vpc_id=network.vpc_id)
        VpcSecurityGroupEgressRule(
            self,
            "out",
            security_group_id=group.id,
            description="Systems Manager, packages, and what tunnels lead to",
            cidr_ipv4=EVERYWHERE,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
        )
        VpcSecurityGroupIngressRule(
            self,
            "to-api",
            security_group_id=cluster_group_id,
            description="The API server, from the ops host",
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
        )
        image = DataAwsSsmParameter(
            self,
            "image",
            name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"
            + IMAGES[machine_architecture(spec.instance_type)],
        )
        host = Instance(
            self,
            "Default",
            ami=image.insecure_value,
            instance_type=spec.instance_type,
            subnet_id=network.node_subnet_ids[0],
            associate_public_ip_address=False,
            vpc_security_group_ids=[group.id],
            iam_instance_profile=profile.name,
            ebs_optimized=True,
            hibernation=True,
            monitoring=True,
            metadata_options=InstanceMetadataOptions(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=InstanceRootBlockDevice(
                encrypted=True, kms_key_id=keys.data.arn, volume_size=spec.disk_gib, volume_type="gp3"
            ),
            tags={"Name": name},
            # A newer image is taken by `terraform taint`, not in the middle of somebody's session.
            lifecycle={"ignore_changes": ["ami"]},
            depends_on=list(network.egress),
        )
        caller = ServiceRole(
            self,
            "caller",
            name=naming.name(Kind.AWS_NAME, "ops-host-schedule"),
            service="scheduler.amazonaws.com",
            statements=[
                {
                    "Effect": "Allow",
                    "Action": ["ec2:StartInstances", "ec2:StopInstances"],
                    "Resource": host.arn,
                },
                {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": functions.queue_arn},
                may_encrypt(keys.messages.arn),
            ],
        )
        for moment, hour, call, more in (
            ("wakes", spec.wakes_at_hour, "startInstances", {}),
            ("sleeps", spec.sleeps_at_hour, "stopInstances", {"Hibernate": True}),
        ):
            SchedulerSchedule(
                self,
                moment,
                name=f"{name}-{moment}",
                schedule_expression=f"cron(0 {hour} ? * MON-FRI *)",
                schedule_expression_timezone=spec.time_zone,
                kms_key_arn=keys.messages.arn,
                flexible_time_window=SchedulerScheduleFlexibleTimeWindow(mode="OFF"),
                target=SchedulerScheduleTarget(
                    arn=f"arn:aws:scheduler:::aws-sdk:ec2:{call}",
                    role_arn=caller.arn,
                    input=Fn.jsonencode({"InstanceIds": [host.id], **more}),
                    dead_letter_config=SchedulerScheduleTargetDeadLetterConfig(arn=functions.queue_arn),
                ),
                depends_on=list(caller.granted),
            )

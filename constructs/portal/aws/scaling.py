"""The right to change the size of node groups, for the cluster autoscaler."""

from typing import Any

from constructs import Construct

from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.kubernetes import contract
from portal.naming import Kind, Naming


class NodeAutoscaler(Construct):
    """A role that the autoscaler's pods assume: it sees every group of the account, and changes those of its cluster.

    Source: cluster-autoscaler, "Cluster Autoscaler on AWS"; EKS tags the groups of managed node groups by itself.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        region: str,
        cluster_name: str,
        user: contract.ServiceAccount,
    ) -> None:
        super().__init__(scope, id)
        role = ServiceRole(
            self,
            "role",
            name=naming.name(Kind.AWS_NAME, "node-autoscaler"),
            service=POD_IDENTITY,
            statements=may_scale(cluster_name),
        )
        association = given_to(self, "user", role=role, cluster_name=cluster_name, user=user)
        self.contract = contract.NodeAutoscaler(
            cloud_provider="aws", cluster_name=cluster_name, region=region, ready=(association,)
        )


def may_scale(cluster_name: str) -> list[dict[str, Any]]:
    """Rights to see groups and machine types, and to resize the groups that carry the cluster's tag.

    The calls that only read know no resources, so that AWS takes no narrower one than all.
    """
    return [
        {
            "Effect": "Allow",
            "Action": [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
                "eks:DescribeNodegroup",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            "Resource": "arn:aws:autoscaling:*:*:autoScalingGroup:*",
            "Condition": {
                "StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster_name}": "owned"},
            },
        },
    ]

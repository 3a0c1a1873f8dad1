"""Who reaches a data store: the nodes and the pods on them, and nobody else."""

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from constructs import Construct


class ReachedByNodes(Construct):
    """The security group of a store that only `members_group_id` may connect to, on one port. It calls nobody.

    `open`: they may; until the last client is gone, or a pod could not even let go of a file system.
    """

    def __init__(self, scope: Construct, id: str, *, name: str, vpc_id: str, members_group_id: str, port: int) -> None:
        super().__init__(scope, id)
        group = SecurityGroup(self, "Default", name=name, description=f"{name}: nodes on {port}", vpc_id=vpc_id)
        self.open: ITerraformDependable = VpcSecurityGroupIngressRule(
            self,
            "nodes",
            security_group_id=group.id,
            description="Nodes and the pods on them",
            referenced_security_group_id=members_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
        )
        self.id: str = group.id

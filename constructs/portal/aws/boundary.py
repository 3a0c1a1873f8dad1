"""The most that any role of the platform may ever do, whatever its own policy says."""

from typing import Any, Final

from cdktf_cdktf_provider_aws.iam_policy import IamPolicy
from cdktf_cdktf_provider_aws.iam_role import IamRole
from constructs import Construct

from portal.aws.policies import policy_document
from portal.naming import Kind, Naming

SERVICES: Final = (
    "autoscaling",
    "cloudwatch",
    "ec2",
    "ec2messages",
    "ecr",
    "eks",
    "eks-auth",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "kms",
    "lambda",
    "logs",
    "rds",
    "rds-db",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "tag",
    "wafv2",
    "xray",
)
"""What the platform's own roles work with. Nothing of IAM but what is listed below, nothing of accounts or billing."""


def boundary_arn(account: str) -> str:
    """The ARN of the boundary in `account`."""
    return f"arn:aws:iam::{account}:policy/{_name(account)}"


class Boundary(Construct):
    """The permissions boundary of an account. The role that deploys can make roles only inside it.

    Source: IAM user guide, "Permissions boundaries for IAM entities".
    """

    def __init__(self, scope: Construct, id: str, *, account: str) -> None:
        super().__init__(scope, id)
        policy = IamPolicy(
            self,
            "Default",
            name=_name(account),
            policy=policy_document(statements(account)),
        )
        self.arn: str = policy.arn


def statements(account: str) -> list[dict[str, Any]]:
    """An upper bound grants nothing: `*` here only says that a role's own policy decides which resources."""
    return [
        {
            "Sid": "WorkOfThePlatform",
            "Effect": "Allow",
            "Action": [f"{service}:*" for service in SERVICES],
            "Resource": "*",
        },
        {
            "Sid": "RolesOfServices",
            "Effect": "Allow",
            "Action": ["iam:CreateServiceLinkedRole", "iam:GetRole", "iam:PassRole"],
            "Resource": f"arn:aws:iam::{account}:role/*",
        },
    ]


def bound(scope: Construct, *, account: str) -> None:
    """Puts every role under `scope` inside the boundary of `account`: the deploying role may make no other."""
    for child in scope.node.find_all():
        if isinstance(child, IamRole):
            child.permissions_boundary = boundary_arn(account)


def _name(account: str) -> str:
    return Naming(scope="boundary", owner=account).name(Kind.AWS_NAME)

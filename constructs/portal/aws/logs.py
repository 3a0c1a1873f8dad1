"""CloudWatch log groups."""

from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.cloudwatch_log_resource_policy import CloudwatchLogResourcePolicy
from constructs import Construct

from portal.aws.keys import Key
from portal.aws.policies import policy_document
from portal.kubernetes.pause import PauseOnDestroy

LATE_SECONDS = 300
"""EKS and RDS may make log groups of their own, and do so for lines that come after the end of what wrote them."""


class LogGroup(Construct):
    """A log group that exists before its writer, so that the writer does not make one unencrypted and for ever.

    `region`: another than the stack's own. `late_seconds`: how long its writer, a service of AWS, still writes after
    its own end; it would make the group anew, and the next deploy would find it there. `before_writers`: what the
    writer comes after.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: Key,
        retention_days: int,
        region: str | None = None,
        late_seconds: int = 0,
    ) -> None:
        super().__init__(scope, id)
        self.resource = CloudwatchLogGroup(
            self, "Default", region=region, name=name, kms_key_id=key.arn, retention_in_days=retention_days
        )
        self.arn: str = self.resource.arn
        self.before_writers: tuple[ITerraformDependable, ...] = (
            PauseOnDestroy(self, "last-lines-gone", controllers=[self.resource], seconds=late_seconds).after
            if late_seconds
            else (self.resource,)
        )


class DeliveredLogs(Construct):
    """A log group into which services of AWS deliver, with the policy that lets them.

    Without it they would make one of their own, behind Terraform's back. `ready`: they may.

    Source: CloudWatch Logs user guide, "Enable logging from AWS services", Logs sent to CloudWatch Logs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: Key,
        retention_days: int,
        account: str,
        region: str,
    ) -> None:
        super().__init__(scope, id)
        group = LogGroup(self, "Default", name=name, key=key, retention_days=retention_days, region=region)
        self.arn = group.arn
        self.ready = CloudwatchLogResourcePolicy(
            self,
            "from-services",
            region=region,
            policy_name=name,
            policy_document=policy_document([may_deliver(group.arn, account=account, region=region)]),
        )


def may_write(group_arn: str) -> dict[str, Any]:
    """The right to write into a group that is there, for who looks for its stream first."""
    return {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        "Resource": f"{group_arn}:*",
    }


def may_deliver(group_arn: str, *, account: str, region: str) -> dict[str, Any]:
    """Lets AWS's delivery of logs write into a group, for resources of this account alone."""
    return {
        "Sid": "ServicesDeliver",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{group_arn}:log-stream:*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account}:*"},
        },
    }

"""CloudWatch log groups."""

from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from portal.aws.keys import Key


class LogGroup(Construct):
    """A log group that exists before its writer, so that the writer does not make one unencrypted and for ever."""

    def __init__(self, scope: Construct, id: str, *, name: str, key: Key, retention_days: int) -> None:
        super().__init__(scope, id)
        self.resource = CloudwatchLogGroup(
            self, "Default", name=name, kms_key_id=key.arn, retention_in_days=retention_days
        )
        self.arn: str = self.resource.arn

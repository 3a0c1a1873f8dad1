"""Where the portal's plugins keep what they make and hand out."""

from constructs import Construct

from portal.aws.keys import Key
from portal.aws.policies import may_encrypt
from portal.aws.storage import LogBucket, PrivateBucket, may_write
from portal.kubernetes.contract import ArtifactStore
from portal.naming import Kind, Naming


class Artifacts(Construct):
    """A bucket of the backend's own: packages of plugins, and what their tasks leave.

    `statements`: what the backend's role needs for it; one service account has one role, so it is made elsewhere.

    Source: guide, "AWS Architecture", S3.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        region: str,
        key: Key,
        log: LogBucket | None,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_BUCKET, "artifacts")
        bucket = PrivateBucket(self, "Default", name=name, key=key, protected=protected, log=log)
        self.statements = [*may_write(bucket.arn), may_encrypt(key.arn)]
        self.contract = ArtifactStore(bucket=name, region=region, ready=bucket.ready)

"""Where Terraform keeps the state of every stack in one account."""

from constructs import Construct

from portal.aws.keys import Key, administered_by_account
from portal.aws.storage import PrivateBucket
from portal.backends import STATE_SCOPE, state_bucket
from portal.naming import Kind, Naming

KEPT_VERSIONS_DAYS = 90
"""How long a state that was overwritten can be brought back: a mistake in one is often found at the next change."""


class StateStore(Construct):
    """The bucket that the stacks of an account name as their backend: versioned, encrypted, over TLS only.

    Always protected: without its state Terraform would make everything a second time.

    Source: Terraform, "Backend Type: s3".
    """

    def __init__(self, scope: Construct, id: str, *, account: str, region: str) -> None:
        super().__init__(scope, id)
        naming = Naming(scope=STATE_SCOPE, owner=account)
        key = Key(
            self,
            "key",
            name=naming.name(Kind.AWS_NAME),
            statements=[administered_by_account(account)],
            protected=True,
        )
        bucket = PrivateBucket(
            self,
            "Default",
            name=state_bucket(account=account, region=region),
            key=key,
            protected=True,
            kept_after_deletion_days=KEPT_VERSIONS_DAYS,
        )
        self.bucket_arn = bucket.arn
        self.key_arn = key.arn

"""Encryption keys of one environment, one for each purpose, so that each has the narrowest policy that works."""

from collections.abc import Sequence

from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from constructs import Construct

from portal.aws.policies import Statement, policy_document
from portal.naming import Kind, Naming


class Key(Construct):
    """A customer-managed key that rotates every year.

    Deleting it makes everything it encrypted unreadable, so Terraform refuses to when `protected`. `region`: another
    than the stack's own.

    Source: guide, "AWS Architecture", KMS; AWS KMS developer guide, "Rotating AWS KMS keys".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        statements: Sequence[Statement],
        protected: bool,
        region: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        key = KmsKey(
            self,
            "Default",
            region=region,
            description=name,
            enable_key_rotation=True,
            # What it encrypted and what outlives it, a last snapshot for one, can be saved so long.
            deletion_window_in_days=30,
            policy=policy_document(statements),
            lifecycle={"prevent_destroy": protected},
        )
        KmsAlias(self, "alias", name=f"alias/{name}", target_key_id=key.key_id, region=region)
        self.resource = key
        self.arn: str = key.arn


class Keys(Construct):
    """The keys of one environment: `cluster` (Kubernetes secrets), `data` (volumes and stores), `logs`, `messages`
    (alarms and dead letters), `copies` (what lies in the second region, where there is one), and `edge` (logs and
    alarms of what can have them in `edge_region` only, where there is such a thing)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        account: str,
        region: str,
        second_region: str | None,
        edge_region: str | None,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        purposes = {
            "cluster": [],
            "data": [used_through(f"ec2.{region}.amazonaws.com", account=account)],
            "logs": [used_by_logs(account=account, region=region)],
            "messages": [used_by_alarms(account=account)],
        }
        keys = {
            purpose: Key(
                self,
                purpose,
                name=naming.name(Kind.AWS_NAME, purpose),
                statements=[administered_by_account(account), *statements],
                protected=protected,
            )
            for purpose, statements in purposes.items()
        }
        self.cluster = keys["cluster"]
        self.data = keys["data"]
        self.logs = keys["logs"]
        self.messages = keys["messages"]
        self.copies = (
            Key(
                self,
                "copies",
                name=naming.name(Kind.AWS_NAME, "copies"),
                statements=[administered_by_account(account)],
                protected=protected,
                region=second_region,
            )
            if second_region
            else None
        )
        self.edge = (
            Key(
                self,
                "edge",
                name=naming.name(Kind.AWS_NAME, "edge"),
                statements=[
                    administered_by_account(account),
                    used_by_logs(account=account, region=edge_region),
                    used_by_alarms(account=account),
                ],
                protected=protected,
                region=edge_region,
            )
            if edge_region
            else None
        )


def administered_by_account(account: str) -> Statement:
    """Lets IAM policies of the account grant the use of the key; without it the key can lock everybody out.

    In a key policy `Resource: *` means this key.
    """
    return {
        "Sid": "AccountAdministers",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def used_through(service: str, *, account: str) -> Statement:
    """Lets identities of the account use the key, but only by way of `service`.

    Nodes' disks need it: the Auto Scaling service role attaches them, and that role does not exist in a new account, so
    that a policy which names it is refused.
    """
    return {
        "Sid": "UsedThroughService",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ],
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:ViaService": service, "kms:CallerAccount": account}},
    }


def used_by_logs(*, account: str, region: str) -> Statement:
    """Lets CloudWatch Logs encrypt the account's log groups.

    Source: CloudWatch Logs user guide, "Encrypt log data".
    """
    return {
        "Sid": "LogsEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"}
        },
    }


def used_by_alarms(*, account: str) -> Statement:
    """Lets the account's alarms write into an encrypted topic.

    Source: CloudWatch user guide, "Amazon SNS encryption"; conditions by the alarm's account.
    """
    return {
        "Sid": "AlarmsEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }

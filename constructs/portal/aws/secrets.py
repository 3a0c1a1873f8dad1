"""The environment's secrets in Secrets Manager: those that the platform makes, who changes them, who reads them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from cdktf_cdktf_provider_aws.secretsmanager_secret import SecretsmanagerSecret, SecretsmanagerSecretReplica
from cdktf_cdktf_provider_aws.secretsmanager_secret_policy import SecretsmanagerSecretPolicy
from cdktf_cdktf_provider_aws.secretsmanager_secret_rotation import (
    SecretsmanagerSecretRotation,
    SecretsmanagerSecretRotationRotationRules,
)
from cdktf_cdktf_provider_aws.secretsmanager_secret_version import SecretsmanagerSecretVersion
from constructs import Construct

from portal.aws.functions import Function
from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.aws.keys import Key
from portal.aws.policies import policy_document
from portal.kubernetes.contract import CloudLogin, SecretStore, ServiceAccount
from portal.naming import Kind, Naming

ROTATED_EVERY_DAYS = 30


class StoredSecret(Construct):
    """A secret with a first value that no state has.

    `first_value`: of letters and digits, which JSON takes as they are. `copy`: the second region and its key. Whoever
    destroys it can bring it back for a month; so its name ends in letters of its own, and is free again at once.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        account: str,
        key: Key,
        copy: tuple[str, Key] | None,
        first_value: Mapping[str, str | bool],
        revision: int,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        secret = SecretsmanagerSecret(
            self,
            "Default",
            name_prefix=f"{name}-",
            kms_key_id=key.arn,
            recovery_window_in_days=30,
            replica=[SecretsmanagerSecretReplica(region=copy[0], kms_key_id=copy[1].arn)] if copy else None,
            lifecycle={"prevent_destroy": protected},
        )
        self.arn: str = secret.arn
        self.name: str = secret.name
        self._account = account
        self.closed = SecretsmanagerSecretPolicy(
            self,
            "own-account",
            secret_arn=secret.arn,
            block_public_policy=True,
            policy=policy_document(deny_other_accounts(account)),
        )
        # Afterwards its versions are the rotation's.
        self.first = SecretsmanagerSecretVersion(
            self,
            "first",
            secret_id=secret.arn,
            # Not `Fn.jsonencode`: it takes `${ephemeral...}` for words and escapes it.
            secret_string_wo=json.dumps(dict(first_value)),
            secret_string_wo_version=revision,
        )

    def rotated_by(self, function: Function, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
        """Changes it every month, and for the first time at once."""
        allowed = LambdaPermission(
            self,
            "rotation-allowed",
            action="lambda:InvokeFunction",
            function_name=function.name,
            principal="secretsmanager.amazonaws.com",
            source_account=self._account,
            source_arn=self.arn,
        )
        return SecretsmanagerSecretRotation(
            self,
            "rotation",
            secret_id=self.arn,
            rotation_lambda_arn=function.arn,
            rotate_immediately=True,
            rotation_rules=SecretsmanagerSecretRotationRotationRules(automatically_after_days=ROTATED_EVERY_DAYS),
            depends_on=[allowed, self.first, *function.ready, *after],
        )


def deny_other_accounts(account: str) -> list[dict[str, Any]]:
    """Keeps a secret inside its account, whatever else is allowed."""
    return [
        {
            "Sid": "OwnAccountOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
            "Condition": {
                "StringNotEquals": {"aws:PrincipalAccount": account},
                # Rotation and replication are calls of the service itself.
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        }
    ]


class SecretReader(Construct):
    """Lets one service account's pods read this environment's secrets: those whose names begin with its prefix, and
    `others`, the ARNs of secrets that services name themselves.

    Source: guide, "AWS Architecture", Secrets Manager; external-secrets, "AWS Secrets Manager".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        account: str,
        region: str,
        cluster_name: str,
        user: ServiceAccount,
        others: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        prefix = f"{naming.name(Kind.AWS_NAME)}-"
        role = ServiceRole(
            self,
            "role",
            name=naming.name(Kind.AWS_NAME, "secret-reader"),
            service=POD_IDENTITY,
            statements=may_read([secret_arns(prefix, account=account, region=region), *others], account, region),
        )
        association = given_to(self, "user", role=role, cluster_name=cluster_name, user=user)
        self.store = SecretStore(
            # No `auth`: the controller's own identity.
            provider={"aws": {"service": "SecretsManager", "region": region}},
            prefix=prefix,
            login=CloudLogin(ready=(association,)),
        )


def secret_arns(prefix: str, *, account: str, region: str) -> str:
    """The secrets whose names begin with `prefix`."""
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{prefix}*"


def may_read(secrets: Sequence[str], account: str, region: str) -> list[dict[str, Any]]:
    """Rights to read secrets, whichever key of the account encrypts them.

    Source: Secrets Manager user guide, "Secret encryption and decryption", encryption context.
    """
    return [
        {
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            "Resource": list(secrets),
        },
        {
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": f"arn:aws:kms:{region}:{account}:key/*",
            "Condition": {
                "StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:SecretARN": list(secrets)},
            },
        },
    ]

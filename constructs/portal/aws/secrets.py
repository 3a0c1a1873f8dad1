"""Who reads the environment's secrets in Secrets Manager."""

from typing import Any

from constructs import Construct

from portal.aws.identity import POD_IDENTITY, ServiceRole, given_to
from portal.kubernetes.contract import CloudLogin, SecretStore, ServiceAccount
from portal.naming import Kind, Naming


class SecretReader(Construct):
    """Lets one service account's pods read this environment's secrets: those whose names begin with its prefix.

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
    ) -> None:
        super().__init__(scope, id)
        prefix = f"{naming.name(Kind.AWS_NAME)}-"
        role = ServiceRole(
            self,
            "role",
            name=naming.name(Kind.AWS_NAME, "secret-reader"),
            service=POD_IDENTITY,
            statements=may_read(prefix, account=account, region=region),
        )
        association = given_to(self, "user", role=role, cluster_name=cluster_name, user=user)
        self.store = SecretStore(
            # No `auth`: the controller's own identity.
            provider={"aws": {"service": "SecretsManager", "region": region}},
            prefix=prefix,
            login=CloudLogin(ready=(association,)),
        )


def may_read(prefix: str, *, account: str, region: str) -> list[dict[str, Any]]:
    """Rights to read the secrets whose names begin with `prefix`, whichever key of the account encrypts them.

    Source: Secrets Manager user guide, "Secret encryption and decryption", encryption context.
    """
    secrets = f"arn:aws:secretsmanager:{region}:{account}:secret:{prefix}*"
    return [
        {
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            "Resource": secrets,
        },
        {
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": f"arn:aws:kms:{region}:{account}:key/*",
            "Condition": {
                "StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:SecretARN": secrets},
            },
        },
    ]

"""Who changes the passwords that this project makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cdktf import ITerraformDependable
from constructs import Construct

from portal.aws.cache import Cache
from portal.aws.database import Database
from portal.aws.functions import Function, Functions
from portal.aws.monitoring import Alarm, of_function
from portal.aws.policies import may_encrypt
from portal.aws.secrets import StoredSecret


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """A function that changes one password each month. `begun`: the first change, which comes at once."""

    alarm: Alarm
    begun: ITerraformDependable


def rotates_database(
    scope: Construct, id: str, *, shared: Functions, database: Database, secret: StoredSecret, store: str
) -> Rotation:
    """Changes the password of the administrator, where RDS does not do it by itself."""
    return _rotates(
        scope,
        id,
        shared=shared,
        handler="database",
        settings={"INSTANCE": database.name},
        secret=secret,
        rights=["rds:DescribeDBInstances", "rds:ModifyDBInstance"],
        over=database.primary.arn,
        store=store,
        # An instance that is being changed can neither be read from nor copied.
        after=database.whole,
    )


def rotates_cache(scope: Construct, id: str, *, shared: Functions, cache: Cache, store: str) -> Rotation:
    """Replaces the first password of the cache's user, and then each one after it."""
    return _rotates(
        scope,
        id,
        shared=shared,
        handler="cache",
        settings={"USER_ID": cache.user.user_id},
        secret=cache.password,
        rights=["elasticache:DescribeUsers", "elasticache:ModifyUser"],
        over=cache.user.arn,
        store=store,
        after=[cache.user],
    )


def _rotates(
    scope: Construct,
    id: str,
    *,
    shared: Functions,
    handler: Literal["cache", "database"],
    settings: dict[str, str],
    secret: StoredSecret,
    rights: Sequence[str],
    over: str,
    store: str,
    after: Sequence[ITerraformDependable],
) -> Rotation:
    purpose = f"{store}-rotation"
    function = Function(
        scope,
        id,
        shared=shared,
        purpose=purpose,
        handler=f"portal.functions.aws_rotation.{handler}",
        settings=settings,
        statements=[
            *may_rotate(secret, shared),
            {"Effect": "Allow", "Action": list(rights), "Resource": over},
        ],
        timeout_seconds=600,
    )
    return Rotation(alarm=of_function(purpose, function.name), begun=secret.rotated_by(function, after=after))


def may_rotate(secret: StoredSecret, shared: Functions) -> list[dict[str, Any]]:
    """Rights of a function to change one secret.

    Source: Secrets Manager user guide, "Lambda rotation function execution role permissions".
    """
    return [
        {
            "Effect": "Allow",
            "Action": [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            "Resource": secret.arn,
        },
        may_encrypt(shared.keys.data.arn),
    ]

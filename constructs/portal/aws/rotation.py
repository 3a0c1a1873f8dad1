"""Who changes the passwords that this project makes."""

from typing import Any

from constructs import Construct

from portal.aws.cache import Cache
from portal.aws.database import Database
from portal.aws.functions import Function, Functions
from portal.aws.monitoring import Alarm, of_function
from portal.aws.secrets import StoredSecret


def rotates_database(scope: Construct, id: str, *, shared: Functions, database: Database, store: str) -> list[Alarm]:
    """A function changes the administrator's password each month, where RDS does not do it by itself. Its alarms."""
    if not database.administrator:
        return []
    function = Function(
        scope,
        id,
        shared=shared,
        purpose=f"{store}-rotation",
        handler="portal.functions.aws_rotation.database",
        settings={"INSTANCE": database.name},
        statements=[
            *may_rotate(database.administrator, shared),
            {
                "Effect": "Allow",
                "Action": ["rds:DescribeDBInstances", "rds:ModifyDBInstance"],
                "Resource": database.primary.arn,
            },
        ],
        timeout_seconds=600,
    )
    database.administrator.rotated_by(function, after=[database.primary])
    return [of_function(f"{store}-rotation", function.name)]


def rotates_cache(scope: Construct, id: str, *, shared: Functions, cache: Cache, store: str) -> list[Alarm]:
    """A function replaces the cache user's first password at once, and then each month. Its alarms."""
    function = Function(
        scope,
        id,
        shared=shared,
        purpose=f"{store}-rotation",
        handler="portal.functions.aws_rotation.cache",
        settings={"USER_ID": cache.user.user_id},
        statements=[
            *may_rotate(cache.password, shared),
            {
                "Effect": "Allow",
                "Action": ["elasticache:DescribeUsers", "elasticache:ModifyUser"],
                "Resource": cache.user.arn,
            },
        ],
        timeout_seconds=600,
    )
    cache.password.rotated_by(function, after=[cache.user])
    return [of_function(f"{store}-rotation", function.name)]


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
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": shared.keys.data.arn},
    ]

"""Rotation on AWS: the password of a database's administrator, and of a cache's user."""

import os
import time
from typing import Any

import boto3

from portal.functions.rotation import Secret, rotate

PAUSE_SECONDS = 10


class DatabaseAdministrator:
    """The administrator of an RDS instance; the service changes the password, so nobody has to log in."""

    def __init__(self, rds: Any, instance: str) -> None:
        self._rds = rds
        self._instance = instance

    def take(self, new: Secret, _current: Secret) -> None:
        self._rds.modify_db_instance(
            DBInstanceIdentifier=self._instance, MasterUserPassword=new["password"], ApplyImmediately=True
        )

    def settled(self) -> bool:
        (instance,) = self._rds.describe_db_instances(DBInstanceIdentifier=self._instance)["DBInstances"]
        waiting = instance.get("PendingModifiedValues", {}).get("MasterUserPassword")
        return instance["DBInstanceStatus"] == "available" and not waiting


class CacheUser:
    """A user of ElastiCache, which takes two passwords: clients with the one before go on until the next rotation."""

    def __init__(self, elasticache: Any, user: str) -> None:
        self._elasticache = elasticache
        self._user = user

    def take(self, new: Secret, current: Secret) -> None:
        kept = [] if current.get("temporary") else [current["password"]]
        self._elasticache.modify_user(UserId=self._user, Passwords=[new["password"], *kept])

    def settled(self) -> bool:
        (user,) = self._elasticache.describe_users(UserId=self._user)["Users"]
        return bool(user["Status"] == "active")


def database(event: dict[str, str], context: Any) -> None:
    """Settings: `INSTANCE`."""
    service = DatabaseAdministrator(boto3.client("rds"), os.environ["INSTANCE"])
    rotate(event, boto3.client("secretsmanager"), service, _pause(context))


def cache(event: dict[str, str], context: Any) -> None:
    """Settings: `USER_ID`."""
    service = CacheUser(boto3.client("elasticache"), os.environ["USER_ID"])
    rotate(event, boto3.client("secretsmanager"), service, _pause(context))


def _pause(context: Any) -> Any:
    def wait() -> bool:
        time.sleep(PAUSE_SECONDS)
        return bool(context.get_remaining_time_in_millis() > 2 * PAUSE_SECONDS * 1000)

    return wait

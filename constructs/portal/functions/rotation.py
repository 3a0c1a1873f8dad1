"""Changing a password in four steps, each of which may be called again: what Secrets Manager asks of a function.

The store of secrets keeps the new version aside (AWSPENDING) until the service has taken it. Source: Secrets Manager
user guide, "Lambda rotation functions", the four steps.
"""

import json
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Any, Protocol

Secret = Mapping[str, Any]

LENGTH = 40
ALPHABET = string.ascii_letters + string.digits
"""Clients put it into URLs."""


class Service(Protocol):
    """What has the password: a database, a cache."""

    def take(self, new: Secret, current: Secret, /) -> None:
        """Makes the service accept `new`; clients that still have `current` may go on where the service lets them."""

    def settled(self) -> bool:
        """Has the service taken up what it was given?"""


class NotYetError(Exception):
    """The service is still busy. Secrets Manager calls again."""


def rotate(event: Mapping[str, str], store: Any, service: Service, wait: Callable[[], bool]) -> None:
    """One step. `store`: a client of Secrets Manager. `wait`: pauses, and says whether there is time to look again."""
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    if step == "createSecret":
        create(store, secret, token)
    elif step == "setSecret":
        service.take(_read(store, secret, token, "AWSPENDING"), _current(store, secret))
    elif step == "testSecret":
        while not service.settled():
            if not wait():
                raise NotYetError(f"{secret}: the service has not taken the new password yet")
    elif step == "finishSecret":
        finish(store, secret, token)
    else:
        raise ValueError(f"Step = {step} is none of createSecret, setSecret, testSecret, finishSecret")


def create(store: Any, secret: str, token: str) -> None:
    """A new version beside the current one, unless a call before this one made it."""
    if token in store.describe_secret(SecretId=secret)["VersionIdsToStages"]:
        try:
            _read(store, secret, token, "AWSPENDING")
            return
        except store.exceptions.ResourceNotFoundException:
            pass
    password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    # `temporary` marks a first password that others have seen: it does not go on.
    fixed = {key: value for key, value in _current(store, secret).items() if key != "temporary"}
    store.put_secret_value(
        SecretId=secret,
        ClientRequestToken=token,
        SecretString=json.dumps({**fixed, "password": password}),
        VersionStages=["AWSPENDING"],
    )


def finish(store: Any, secret: str, token: str) -> None:
    """The new version becomes the current one."""
    stages = store.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next(version for version, names in stages.items() if "AWSCURRENT" in names)
    if current != token:
        store.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )


def _current(store: Any, secret: str) -> Secret:
    found: Secret = json.loads(store.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"])
    return found


def _read(store: Any, secret: str, token: str, stage: str) -> Secret:
    answer = store.get_secret_value(SecretId=secret, VersionId=token, VersionStage=stage)
    found: Secret = json.loads(answer["SecretString"])
    return found

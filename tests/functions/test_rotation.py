"""Rotation: each step may come twice, the old password goes on where it may, and a first one never does."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from portal.functions.aws_rotation import CacheUser, DatabaseAdministrator
from portal.functions.rotation import NotYetError, Secret, rotate

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class Service:
    def __init__(self, busy: int = 0) -> None:
        self.taken: list[tuple[str, str]] = []
        self.busy = busy

    def take(self, new: Secret, current: Secret, /) -> None:
        self.taken.append((new["password"], current["password"]))

    def settled(self) -> bool:
        self.busy -= 1
        return self.busy < 0


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("secretsmanager")
        first = json.dumps({"username": "u", "password": "first", "temporary": True})
        client.create_secret(Name="s", SecretString=first)
        yield client


def current(store: Any) -> Any:
    return json.loads(store.get_secret_value(SecretId="s", VersionStage="AWSCURRENT")["SecretString"])


def step(store: Any, name: str, token: str, service: Service, *, patience: int = 3) -> None:
    left = iter([True] * patience + [False])
    rotate({"SecretId": "s", "ClientRequestToken": token, "Step": name}, store, service, lambda: next(left))


def test_a_rotation_gives_service_and_store_the_same_new_password(store: Any) -> None:
    service, token = Service(), str(uuid4())
    for name in STEPS:
        step(store, name, token, service)
    after = current(store)
    assert service.taken == [(after["password"], "first")]
    assert after["username"] == "u"
    assert len(after["password"]) == 40
    assert after["password"].isalnum(), "clients put it into URLs"


def test_each_step_may_come_twice(store: Any) -> None:
    service, token = Service(), str(uuid4())
    for name in STEPS[:3]:
        step(store, name, token, service)
        step(store, name, token, service)
    step(store, "finishSecret", token, service)
    step(store, "finishSecret", token, service)
    assert {new for new, _ in service.taken} == {current(store)["password"]}


def test_until_it_is_finished_clients_read_the_old_password(store: Any) -> None:
    service, token = Service(), str(uuid4())
    for name in STEPS[:3]:
        step(store, name, token, service)
    assert current(store)["password"] == "first"


def test_a_service_that_stays_busy_is_asked_again_later(store: Any) -> None:
    service, token = Service(busy=10), str(uuid4())
    step(store, "createSecret", token, service)
    with pytest.raises(NotYetError):
        step(store, "testSecret", token, service)


def test_an_unknown_step_is_refused(store: Any) -> None:
    with pytest.raises(ValueError, match="none of createSecret"):
        step(store, "dance", str(uuid4()), Service())


def test_a_first_password_does_not_mark_the_next_one(store: Any) -> None:
    token = str(uuid4())
    for name in STEPS:
        step(store, name, token, Service())
    assert "temporary" not in current(store)


class Elasticache:
    def __init__(self) -> None:
        self.passwords: list[list[str]] = []

    def modify_user(self, *, UserId: str, Passwords: list[str]) -> None:
        assert UserId == "cache"
        self.passwords.append(Passwords)


@pytest.mark.parametrize(
    ("before", "accepted"),
    [({"password": "old"}, ["new", "old"]), ({"password": "seen", "temporary": True}, ["new"])],
)
def test_a_cache_keeps_the_password_before_but_never_one_that_others_saw(
    before: dict[str, Any], accepted: list[str]
) -> None:
    elasticache = Elasticache()
    CacheUser(elasticache, "cache").take({"password": "new"}, before)
    assert elasticache.passwords == [accepted]


@pytest.mark.parametrize(
    ("state", "settled"),
    [
        ({"DBInstanceStatus": "available"}, True),
        ({"DBInstanceStatus": "resetting-master-credentials"}, False),
        ({"DBInstanceStatus": "available", "PendingModifiedValues": {"MasterUserPassword": "****"}}, False),
    ],
)
def test_a_database_has_settled_when_nothing_is_pending(state: dict[str, Any], settled: bool) -> None:
    class Rds:
        def describe_db_instances(self, **_: str) -> dict[str, Any]:
            return {"DBInstances": [state]}

    assert DatabaseAdministrator(Rds(), "db").settled() is settled


def test_the_service_changes_the_administrators_password_at_once(store: Any) -> None:
    rds = boto3.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="db",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        MasterUsername="portal_admin",
        MasterUserPassword="first-password",
    )
    administrator = DatabaseAdministrator(rds, "db")
    administrator.take({"password": "a-new-password"}, {"password": "first-password"})
    assert administrator.settled()

"""The verifier of backups: what is stale, and that a backup which broke off does not count."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from portal.functions import aws_freshness
from portal.functions.freshness import METRIC, Backup, Finding, judge

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BUCKET = "backups"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


def base(hours: float = 26) -> Backup:
    return Backup(name="base", place=BUCKET, prefix="postgres/p/base/", marker="/backup.info", longest_hours=hours)


@pytest.mark.parametrize(("age", "stale"), [(25.9, False), (26.0, False), (26.1, True), (None, True)])
def test_older_than_promised_is_stale_and_none_at_all_too(age: float | None, stale: bool) -> None:
    moment = None if age is None else NOW - timedelta(hours=age)
    (finding,) = judge([(base(), moment)], NOW)
    assert finding.stale is stale
    assert str(base().name) in str(finding)


def test_a_finding_names_the_backup_its_age_and_the_promise() -> None:
    assert str(Finding(backup=base(), age_hours=30.04)) == "base: the newest is 30.0 hours old, at most 26 are promised"
    assert str(Finding(backup=base(), age_hours=None)) == "base: there is none, at most 26 are promised"


def test_a_backup_that_broke_off_does_not_count(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="postgres/p/base/20261122T020000/data.tar")
    s3.put_object(Bucket=BUCKET, Key="postgres/p/base/20261122T020000/backup.info")
    s3.put_object(Bucket=BUCKET, Key="postgres/p/base/20261123T020000/data.tar")
    whole = s3.head_object(Bucket=BUCKET, Key="postgres/p/base/20261122T020000/backup.info")["LastModified"]
    assert aws_freshness.newest(base()) == whole


def test_without_any_whole_backup_there_is_none(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="postgres/p/base/20261123T020000/data.tar")
    s3.put_object(Bucket=BUCKET, Key="postgres/other/base/20261123T020000/backup.info")
    assert aws_freshness.newest(base()) is None


def test_the_newest_folder_is_asked_first_and_others_are_left_alone(s3: Any) -> None:
    """A month of log is thousands of objects."""
    for day in ("20261121", "20261122", "20261123"):
        s3.put_object(Bucket=BUCKET, Key=f"backups/velero-nightly-{day}/velero-backup.json")
    calls: list[str] = []
    real = s3.get_paginator("list_objects_v2").paginate

    class Recorded:
        def get_paginator(self, _name: str) -> Any:
            return self

        def paginate(self, **arguments: Any) -> Any:
            calls.append(arguments["Prefix"])
            return real(**arguments)

    found = next(aws_freshness.finished(Recorded(), BUCKET, "backups/velero-nightly-", "/velero-backup.json"))
    assert found is not None
    assert calls == ["backups/velero-nightly-", "backups/velero-nightly-20261123/"]


def test_the_handler_reports_what_is_stale_and_leaves_a_metric(
    s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="postgres/p/base/20261123T020000/backup.info")
    missing = {"name": "log", "place": BUCKET, "prefix": "postgres/p/wals/", "marker": "", "longest_hours": 1}
    there = {"name": "base", "place": BUCKET, "prefix": "postgres/p/base/", "marker": ".info", "longest_hours": 26}
    monkeypatch.setenv("BACKUPS", json.dumps([missing, there]))
    monkeypatch.setenv("ENVIRONMENT", "prod")
    assert aws_freshness.handler({}, None) == {"stale": ["log: there is none, at most 1 are promised"]}
    line = json.loads(capsys.readouterr().out)
    assert (line[METRIC], line["Environment"]) == (1, "prod")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": METRIC}]


def test_a_managed_database_is_as_new_as_the_moment_it_can_go_back_to(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Rds:
        def describe_db_instances(self, **arguments: str) -> dict[str, Any]:
            assert arguments == {"DBInstanceIdentifier": "portal-prod-backstage-db"}
            return {"DBInstances": [{"LatestRestorableTime": NOW}]}

    monkeypatch.setattr(boto3, "client", lambda name: {"rds": Rds()}[name])
    backup = Backup(name="db", place="portal-prod-backstage-db", prefix=None, marker="", longest_hours=1)
    assert aws_freshness.newest(backup) == NOW

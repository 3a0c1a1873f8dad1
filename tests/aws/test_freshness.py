"""The verifier of backups, wired: it looks where backups are written, and somebody hears of it."""

import json

import pytest

from portal.aws.freshness import may_look
from portal.functions.freshness import Backup
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack

KEEPING = ("staging-aws", "prod-aws")


def looked_at(stack: SynthesizedStack) -> dict[str, Backup]:
    """By name, as the function itself will read them."""
    function = stack.one("aws_lambda_function", "backups_verifier")
    backups = [Backup.read(each) for each in json.loads(function["environment"]["variables"]["BACKUPS"])]
    return {backup.name: backup for backup in backups}


def test_without_backups_nobody_looks(stack: StackOf) -> None:
    assert stack("dev-aws").all("aws_lambda_function") == []
    assert stack("dev-aws").all("aws_scheduler_schedule") == []


@pytest.mark.parametrize("name", KEEPING)
def test_it_looks_where_the_charts_write(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    by_name = looked_at(synthesized)
    database = synthesized.values("postgres-cluster")["backup"]
    for backup, folder in (("base backup", "base"), ("write-ahead log", "wals")):
        found = by_name[backup]
        assert f"s3://{found.place}/{found.prefix}" == f"{database['destination']}/{database['server']}/{folder}/"
    (location,) = synthesized.values("velero")["configuration"]["backupStorageLocation"]
    for schedule in synthesized.values("velero")["schedules"]:
        found = by_name[f"velero-{schedule}"]
        assert (found.place, found.prefix) == (location["bucket"], f"backups/velero-{schedule}-")
    managed = by_name["backstage-db"]
    assert managed.place == synthesized.one("aws_db_instance", "stores_backstage-db")["identifier"]
    assert managed.prefix is None, "the service is asked, no bucket"


@pytest.mark.parametrize("name", KEEPING)
def test_a_stale_backup_and_a_verifier_that_stopped_both_ring(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    alarm = synthesized.one("aws_cloudwatch_metric_alarm", "alarms_backups-stale")
    assert alarm["treat_missing_data"] == "breaching"
    assert "aws_sns_topic.alarms" in synthesized.references(alarm)
    assert alarm["dimensions"] == {"Environment": name.removesuffix("-aws")}
    schedule = synthesized.one("aws_scheduler_schedule", "backups_verifier_schedule")
    assert "aws_lambda_function.backups_verifier" in synthesized.references(schedule)
    assert "aws_sqs_queue.functions_failed-calls" in synthesized.references(schedule)


def test_it_may_list_and_describe_and_nothing_else() -> None:
    statements = may_look(["arn:aws:s3:::b"], ["arn:aws:rds:::db"])
    assert {statement["Action"] for statement in statements} == {"s3:ListBucket", "rds:DescribeDBInstances"}
    assert may_look([], []) == []

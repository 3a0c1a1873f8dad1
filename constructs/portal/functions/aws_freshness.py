"""The verifier of backups on AWS: looks into buckets and at managed databases, and leaves one metric."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3

from portal.functions.freshness import METRIC, NAMESPACE, Backup, Finding, judge


def handler(_event: Any, _context: Any) -> dict[str, list[str]]:
    """What is stale. Settings: `BACKUPS`, a JSON list; `ENVIRONMENT`, a dimension of the metric."""
    backups = [Backup.read(document) for document in json.loads(os.environ["BACKUPS"])]
    findings = judge([(backup, newest(backup)) for backup in backups], datetime.now(UTC))
    print(metric(findings, os.environ["ENVIRONMENT"], datetime.now(UTC)))
    return {"stale": [str(finding) for finding in findings if finding.stale]}


def newest(backup: Backup) -> datetime | None:
    """When the newest whole backup was finished; None where there is none."""
    if backup.prefix is None:
        (instance,) = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=backup.place)["DBInstances"]
        latest: datetime | None = instance.get("LatestRestorableTime")
        return latest
    return next(finished(boto3.client("s3"), backup.place, backup.prefix, backup.marker), None)


def finished(s3: Any, bucket: str, prefix: str, marker: str) -> Iterator[datetime]:
    """When each whole backup below `prefix` was finished, the newest folder first: folders are named after moments."""
    folders: list[str] = []
    moments: list[datetime] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        folders += [folder["Prefix"] for folder in page.get("CommonPrefixes", [])]
        moments += [item["LastModified"] for item in page.get("Contents", []) if item["Key"].endswith(marker)]
    yield from sorted(moments, reverse=True)
    for folder in sorted(folders, reverse=True):
        yield from finished(s3, bucket, folder, marker)


def metric(findings: tuple[Finding, ...], environment: str, now: datetime) -> str:
    """A line of the log that CloudWatch makes a metric of: how many kinds are stale. It needs no right but the log's.

    Source: CloudWatch user guide, "Embedded metric format specification".
    """
    return json.dumps(
        {
            "_aws": {
                "Timestamp": int(now.timestamp() * 1000),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [["Environment"]], "Metrics": [{"Name": METRIC}]}
                ],
            },
            "Environment": environment,
            METRIC: sum(finding.stale for finding in findings),
            "findings": [str(finding) for finding in findings],
        }
    )

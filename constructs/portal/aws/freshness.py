"""The verifier of backups: a function that looks each quarter of an hour how old the newest ones are."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cdktf_cdktf_provider_aws.scheduler_schedule import (
    SchedulerSchedule,
    SchedulerScheduleFlexibleTimeWindow,
    SchedulerScheduleTarget,
    SchedulerScheduleTargetDeadLetterConfig,
    SchedulerScheduleTargetRetryPolicy,
)
from constructs import Construct

from portal.aws.functions import Function, Functions
from portal.aws.identity import ServiceRole
from portal.aws.policies import may_encrypt
from portal.aws.storage import PodBucket
from portal.functions.freshness import Backup
from portal.naming import Kind

EVERY_MINUTES = 15


class BackupVerifier(Construct):
    """Looks whether the newest backup of each kind is as new as promised.

    It reads what is in the buckets and when, never the content. Source: guide, "AWS Architecture", Lambda, and "Backup
    Strategy"; EventBridge Scheduler user guide, "Setting up the execution role".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        shared: Functions,
        environment: str,
        backups: Sequence[Backup],
        buckets: Sequence[PodBucket],
        databases: Sequence[str],
    ) -> None:
        super().__init__(scope, id)
        function = Function(
            self,
            "Default",
            shared=shared,
            purpose="backup-verifier",
            handler="portal.functions.aws_freshness.handler",
            settings={
                "ENVIRONMENT": environment,
                # Not `Fn.jsonencode`: it leaves out what is None.
                "BACKUPS": json.dumps([asdict(backup) for backup in backups]),
            },
            statements=may_look([bucket.arn for bucket in buckets], databases),
            timeout_seconds=120,
        )
        self.name = function.name
        name = shared.naming.name(Kind.AWS_NAME, "backup-verifier-schedule")
        caller = ServiceRole(
            self,
            "caller",
            name=name,
            service="scheduler.amazonaws.com",
            statements=[
                {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function.arn},
                {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": shared.queue_arn},
                may_encrypt(shared.keys.messages.arn),
            ],
        )
        SchedulerSchedule(
            self,
            "schedule",
            name=name,
            schedule_expression=f"rate({EVERY_MINUTES} minutes)",
            kms_key_arn=shared.keys.messages.arn,
            flexible_time_window=SchedulerScheduleFlexibleTimeWindow(mode="OFF"),
            target=SchedulerScheduleTarget(
                arn=function.arn,
                role_arn=caller.arn,
                dead_letter_config=SchedulerScheduleTargetDeadLetterConfig(arn=shared.queue_arn),
                # The next look is soon.
                retry_policy=SchedulerScheduleTargetRetryPolicy(
                    maximum_retry_attempts=2, maximum_event_age_in_seconds=EVERY_MINUTES * 60
                ),
            ),
            depends_on=[*caller.granted, *function.ready],
        )


def may_look(buckets: Sequence[str], databases: Sequence[str]) -> list[dict[str, Any]]:
    """Rights to list buckets and to describe databases."""
    lists = [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": list(buckets)}] if buckets else []
    describes = (
        [{"Effect": "Allow", "Action": "rds:DescribeDBInstances", "Resource": list(databases)}] if databases else []
    )
    return [*lists, *describes]

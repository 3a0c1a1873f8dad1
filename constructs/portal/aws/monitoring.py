"""CloudWatch alarms on what runs outside the cluster, all to one encrypted topic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

from portal.aws.keys import Key
from portal.aws.policies import policy_document
from portal.functions.freshness import METRIC, NAMESPACE
from portal.naming import Kind, Naming, as_id


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When somebody has to look.

    `threshold`: the first value that is too high, or with `below` too low. `periods`: of five minutes each, all of them
    bad. `missing`: what silence means.
    """

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    threshold: float
    meaning: str
    statistic: Literal["Average", "Maximum", "Minimum", "Sum"] = "Average"
    below: bool = False
    periods: int = 3
    missing: Literal["breaching", "notBreaching", "missing"] = "missing"


class Alarms(Construct):
    """The topic by which people hear, and one alarm for each of `alarms`.

    `emails`: of people; who wants it elsewhere subscribes to the topic. `region`: another than the stack's own. An
    alarm lives where its metric does, and rings only there.

    Source: guide, "AWS Architecture"; CloudWatch user guide, "Best practice alarm recommendations for AWS services".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        account: str,
        key: Key,
        alarms: Sequence[Alarm],
        emails: Sequence[str],
        topic: str = "alarms",
        region: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        bell = SnsTopic(
            self, "Default", name=naming.name(Kind.AWS_NAME, topic), kms_master_key_id=key.arn, region=region
        )
        SnsTopicPolicy(
            self,
            "from-alarms",
            region=region,
            arn=bell.arn,
            policy=policy_document([may_publish(bell.arn, account)]),
        )
        for email in emails:
            SnsTopicSubscription(
                self, f"to-{as_id(email)}", region=region, topic_arn=bell.arn, protocol="email", endpoint=email
            )
        for alarm in alarms:
            CloudwatchMetricAlarm(
                self,
                alarm.name,
                region=region,
                alarm_name=naming.name(Kind.AWS_NAME, alarm.name),
                alarm_description=alarm.meaning,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=alarm.dimensions,
                statistic=alarm.statistic,
                period=300,
                evaluation_periods=alarm.periods,
                comparison_operator="LessThanOrEqualToThreshold" if alarm.below else "GreaterThanOrEqualToThreshold",
                threshold=alarm.threshold,
                treat_missing_data=alarm.missing,
                alarm_actions=[bell.arn],
                ok_actions=[bell.arn],
            )


def may_publish(topic_arn: str, account: str) -> dict[str, Any]:
    """Lets this account's alarms publish, and nobody else."""
    return {
        "Sid": "AlarmsPublish",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


def of_database(store: str, identifier: str, *, storage_gib: int) -> list[Alarm]:
    """A database that runs out of something."""
    common: dict[str, Any] = {"namespace": "AWS/RDS", "dimensions": {"DBInstanceIdentifier": identifier}}
    return [
        Alarm(
            name=f"{store}-cpu",
            metric="CPUUtilization",
            threshold=90,
            meaning="Queries wait for CPU. Look at Database Insights for the one that takes it.",
            **common,
        ),
        Alarm(
            name=f"{store}-storage",
            metric="FreeStorageSpace",
            statistic="Minimum",
            below=True,
            # RDS grows the volume at a tenth; less than that means that it cannot.
            threshold=storage_gib * 1024**3 // 20,
            meaning="The volume is nearly full and no longer grows. Raise storage_gib, and do not wait for the window "
            "of maintenance: aws rds modify-db-instance --allocated-storage ... --apply-immediately.",
            **common,
        ),
        Alarm(
            name=f"{store}-memory",
            metric="FreeableMemory",
            statistic="Minimum",
            below=True,
            threshold=256 * 1024**2,
            meaning="Less than 256 MiB are free; the next big sort ends in a restart.",
            **common,
        ),
        Alarm(
            name=f"{store}-connections",
            metric="DatabaseConnections",
            statistic="Maximum",
            threshold=800,
            meaning="More clients than the portal at full scale opens.",
            **common,
        ),
    ]


def of_reader(name: str, identifier: str) -> Alarm:
    """A reader that falls behind."""
    return Alarm(
        name=f"{name}-lag",
        namespace="AWS/RDS",
        metric="ReplicaLag",
        dimensions={"DBInstanceIdentifier": identifier},
        statistic="Maximum",
        threshold=300,
        meaning="A reader is five minutes behind: its answers are old.",
    )


def of_cache(store: str, name: str, *, shards: int, replicas: int) -> list[Alarm]:
    """Nodes of a cache that run out of something. A cache in cluster mode has metrics of each node alone."""
    nodes = [f"{name}-{shard:04}-{node:03}" for shard in range(1, shards + 1) for node in range(1, replicas + 2)]
    return [
        alarm
        for node in nodes
        for alarm in (
            Alarm(
                name=f"{store}-{node.removeprefix(f'{name}-')}-cpu",
                namespace="AWS/ElastiCache",
                metric="EngineCPUUtilization",
                dimensions={"CacheClusterId": node},
                threshold=90,
                meaning="The engine has one thread for commands, and it is busy: add shards.",
            ),
            Alarm(
                name=f"{store}-{node.removeprefix(f'{name}-')}-memory",
                namespace="AWS/ElastiCache",
                metric="DatabaseMemoryUsagePercentage",
                dimensions={"CacheClusterId": node},
                threshold=95,
                periods=6,
                meaning="The node forgets entries to make room: add shards or take a bigger class.",
            ),
        )
    ]


def of_load_balancer(name: str) -> list[Alarm]:
    """A load balancer whose visitors see errors or wait. `name`: as its metrics have it, the end of its ARN.

    Where nobody comes there is nothing to measure.
    """
    common: dict[str, Any] = {
        "namespace": "AWS/ApplicationELB",
        "dimensions": {"LoadBalancer": name},
        "missing": "notBreaching",
    }
    return [
        Alarm(
            name="load-balancer-errors",
            metric="HTTPCode_ELB_5XX_Count",
            statistic="Sum",
            threshold=10,
            periods=1,
            meaning="The load balancer itself answers with errors: no gateway pod is healthy, or none in time.",
            **common,
        ),
        Alarm(
            name="portal-errors",
            metric="HTTPCode_Target_5XX_Count",
            statistic="Sum",
            threshold=50,
            periods=1,
            meaning="The portal answers with errors; the dashboards say which service.",
            **common,
        ),
        Alarm(
            name="portal-latency",
            metric="TargetResponseTime",
            threshold=0.5,
            meaning="Answers take half a second on average; the portal promises 200 ms for 95 of 100.",
            **common,
        ),
    ]


def of_distribution(id: str) -> Alarm:
    """A distribution whose visitors see errors."""
    return Alarm(
        name="edge-errors",
        namespace="AWS/CloudFront",
        metric="5xxErrorRate",
        dimensions={"DistributionId": id, "Region": "Global"},
        threshold=5,
        missing="notBreaching",
        meaning="One of twenty requests ends in an error at the edge; the load balancer's alarms say whose it is.",
    )


def of_reachability(health_check_id: str) -> Alarm:
    """A name that does not answer to those who ask from outside; also when nobody asks any more."""
    return Alarm(
        name="portal-unreachable",
        namespace="AWS/Route53",
        metric="HealthCheckStatus",
        dimensions={"HealthCheckId": health_check_id},
        statistic="Minimum",
        below=True,
        threshold=0,
        periods=1,
        missing="breaching",
        meaning="The portal does not answer at its public name. If nothing else rings, look at the edge and the name.",
    )


def of_nat(id: str, gateway_id: str) -> Alarm:
    """A NAT gateway that has no port left for another connection."""
    return Alarm(
        name=f"{id}-ports",
        namespace="AWS/NATGateway",
        metric="ErrorPortAllocation",
        dimensions={"NatGatewayId": gateway_id},
        statistic="Sum",
        threshold=1,
        periods=1,
        missing="notBreaching",
        meaning="Connections to the internet fail: something opens too many to one address.",
    )


def of_function(purpose: str, name: str) -> Alarm:
    """A function that failed."""
    return Alarm(
        name=f"{purpose}-errors",
        namespace="AWS/Lambda",
        metric="Errors",
        dimensions={"FunctionName": name},
        statistic="Sum",
        threshold=1,
        periods=1,
        missing="notBreaching",
        meaning="Its log group says why.",
    )


def of_failed_calls(queue_name: str) -> Alarm:
    """Calls of functions that were given up."""
    return Alarm(
        name="failed-calls",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue_name},
        statistic="Maximum",
        threshold=1,
        periods=1,
        missing="notBreaching",
        meaning="A call of a function was given up; the message holds what it was called with.",
    )


def of_backups(environment: str) -> Alarm:
    """A backup that is older than promised; also a verifier that no longer looks."""
    return Alarm(
        name="backups-stale",
        namespace=NAMESPACE,
        metric=METRIC,
        dimensions={"Environment": environment},
        statistic="Maximum",
        threshold=1,
        # It looks each quarter of an hour.
        periods=6,
        missing="breaching",
        meaning="A backup is older than promised, or nobody looks any more: the verifier's log names it.",
    )

"""Alarms: somebody hears of everything that runs outside the cluster, over an encrypted topic."""

import pytest

from portal.aws.keys import used_by_alarms
from portal.aws.monitoring import may_publish, of_cache
from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", TIERS)
def test_every_alarm_rings_and_says_what_it_means(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    topics = {topic.get("region"): topic for topic in synthesized.all("aws_sns_topic")}
    assert "aws_kms_key.keys_messages" in synthesized.references(topics[None])
    for alarm in synthesized.each("aws_cloudwatch_metric_alarm"):
        # An alarm rings only where it is, and it is where its metric is.
        assert topics[alarm.get("region")].address in synthesized.references(alarm), alarm.address
        assert alarm["alarm_actions"] == alarm["ok_actions"] != []
        assert len(alarm["alarm_description"]) > 20


WATCHED = {
    # By resource: the dimension that names it, and the argument that has the name.
    "aws_db_instance": ("DBInstanceIdentifier", "identifier"),
    "aws_lambda_function": ("FunctionName", "function_name"),
    "aws_nat_gateway": ("NatGatewayId", None),
    "aws_sqs_queue": ("QueueName", None),
    "aws_lb": ("LoadBalancer", None),
    "aws_cloudfront_distribution": ("DistributionId", None),
    "aws_route53_health_check": ("HealthCheckId", None),
}


@pytest.mark.parametrize("name", TIERS)
def test_people_hear_of_the_alarms_of_both_regions(stack: StackOf, name: str, environments: Environments) -> None:
    synthesized = stack(name)
    emails = environments.tiers[name.removesuffix("-aws")].clouds.aws.alarm_emails
    assert emails
    for topic in synthesized.all("aws_sns_topic"):
        heard = synthesized.referring_to(topic, "aws_sns_topic_subscription")
        assert [each["endpoint"] for each in heard] == list(emails), topic.address
        assert {each.get("region") for each in heard} == {topic.get("region")}, "or the topic is not found"


@pytest.mark.parametrize("name", TIERS)
def test_nothing_runs_unwatched(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    alarms = synthesized.all("aws_cloudwatch_metric_alarm")
    for type, (dimension, argument) in WATCHED.items():
        watched = {str(alarm["dimensions"][dimension]) for alarm in alarms if dimension in alarm["dimensions"]}
        # Production has one of each.
        for resource in synthesized.each(type) if name == "prod-aws" else synthesized.all(type):
            if argument:
                assert {resource[argument], f"${{{resource.address}.{argument}}}"} & watched, resource.address
            else:
                assert any(f"{resource.address}." in value for value in watched), resource.address


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_each_node_of_a_cache_is_watched(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    cache = synthesized.one("aws_elasticache_replication_group")
    watched = {
        alarm["dimensions"]["CacheClusterId"]
        for alarm in synthesized.all("aws_cloudwatch_metric_alarm")
        if "CacheClusterId" in alarm["dimensions"]
    }
    assert len(watched) == cache["num_node_groups"] * (cache["replicas_per_node_group"] + 1)
    assert all(node.startswith(f"{cache['replication_group_id']}-") for node in watched)


def test_nodes_of_a_cache_are_called_as_elasticache_calls_them() -> None:
    names = {alarm.dimensions["CacheClusterId"] for alarm in of_cache("s", "c", shards=2, replicas=1)}
    assert names == {"c-0001-001", "c-0001-002", "c-0002-001", "c-0002-002"}


def test_alarms_of_this_account_alone_publish_and_encrypt() -> None:
    account = {"StringEquals": {"aws:SourceAccount": "1"}}
    assert may_publish("arn", "1")["Condition"] == used_by_alarms(account="1")["Condition"] == account

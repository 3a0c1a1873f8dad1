"""Log groups: there before their writers, kept as long as the tier says, and nobody makes one beside them."""

import re

import pytest

from portal.aws.logs import may_deliver, may_write
from portal.spec.loader import Environments
from tests.aws.cloudfront import STACKS
from tests.aws.policies import allows, statements
from tests.conftest import StackOf

each_edge = pytest.mark.parametrize("name", STACKS)
each_tier = pytest.mark.parametrize("name", ["dev-aws", *STACKS])


@each_tier
def test_every_log_is_kept_as_long_as_the_tier_says(stack: StackOf, environments: Environments, name: str) -> None:
    """One without a number is kept, and paid for, for ever."""
    days = environments.tiers[name.partition("-")[0]].clouds.aws.cluster.log_retention_days
    for group in stack(name).each("aws_cloudwatch_log_group"):
        assert group["retention_in_days"] == days, group.address
        assert not group.get("skip_destroy"), f"{group.address} would outlive the environment"


@each_tier
def test_a_group_is_there_before_its_writer(stack: StackOf, name: str) -> None:
    """A service that finds none makes one of its own: unencrypted, for ever, and in the way of the next deploy."""
    synthesized = stack(name)
    rights = {"aws_iam_role_policy", "aws_cloudwatch_log_resource_policy"}
    for group in synthesized.each("aws_cloudwatch_log_group"):
        writers = [user for user in synthesized.referring_to(group) if user.type not in rights]
        # Fargate's router is told the name in a ConfigMap, and comes after the right to write there.
        assert writers or group.address == "aws_cloudwatch_log_group.load-generators_logs", group.address


@each_tier
def test_nobody_may_make_a_group(stack: StackOf, name: str) -> None:
    """Or the last words of a function that is being destroyed bring its group back, behind Terraform."""
    for policy in stack(name).each("aws_iam_role_policy"):
        assert not allows(statements(policy["policy"]), "logs:CreateLogGroup"), policy.address


def test_a_writer_writes_into_its_own_group_and_reads_none() -> None:
    right = may_write("arn:group")
    assert right["Resource"] == "arn:group:*"
    assert {action.partition(":")[2] for action in right["Action"]} == {
        "CreateLogStream",
        "DescribeLogStreams",
        "PutLogEvents",
    }


def test_a_service_delivers_for_this_account_alone() -> None:
    """The service acts for everybody: without the condition another account's logs could be sent here."""
    right = may_deliver("arn:group", account="1", region="eu-west-1")
    assert right["Resource"] == "arn:group:log-stream:*"
    assert right["Condition"]["StringEquals"] == {"aws:SourceAccount": "1"}
    assert right["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:logs:eu-west-1:1:*"}


@each_edge
def test_services_may_deliver_before_they_are_asked_to(stack: StackOf, environments: Environments, name: str) -> None:
    synthesized = stack(name)
    cloud = environments.tiers[name.partition("-")[0]].clouds.aws
    policies = synthesized.all("aws_cloudwatch_log_resource_policy")
    writers = [
        *synthesized.all("aws_cloudwatch_log_delivery"),
        *synthesized.all("aws_wafv2_web_acl_logging_configuration"),
    ]
    assert len(policies) == len(writers) == 3
    for policy in policies:
        (statement,) = statements(policy["policy_document"])
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": cloud.account}
        assert f":logs:{policy['region']}:{cloud.account}:" in statement["Condition"]["ArnLike"]["aws:SourceArn"]
        (log,) = synthesized.references(policy)
        assert synthesized.resources[log]["region"] == policy["region"]
        assert [w for w in writers if {policy.address, log} <= synthesized.comes_after(w)], policy.address


@each_tier
def test_a_service_that_may_make_groups_is_gone_for_minutes_before_its_group(stack: StackOf, name: str) -> None:
    """For a line that comes late it would make the group again, and the next deploy would find it there."""
    synthesized = stack(name)
    late = [
        group
        for group in synthesized.each("aws_cloudwatch_log_group")
        if re.fullmatch(r"/aws/(eks/.*/cluster|rds/.*)", group["name"])
    ]
    assert late
    for group in late:
        users = synthesized.referring_to(group)
        assert [user.type for user in users] == ["time_sleep"], group.address
        assert int(users[0]["destroy_duration"].removesuffix("s")) >= 300
        (writer,) = synthesized.referring_to(users[0])
        assert writer.type in ("aws_eks_cluster", "aws_db_instance")

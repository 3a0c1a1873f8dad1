"""Guard rails of accounts: the same in each, whatever is deployed into it, and somebody hears."""

from typing import Any

import pytest

from portal.spec.loader import Environments
from tests.aws.accounts import ACCOUNTS, EVERY_ACCOUNT, by_account, provider_of
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack


@pytest.fixture(scope="module")
def shared(stack: StackOf) -> SynthesizedStack:
    return stack("shared-aws")


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        (
            "aws_s3_account_public_access_block",
            {
                "block_public_acls": True,
                "block_public_policy": True,
                "ignore_public_acls": True,
                "restrict_public_buckets": True,
            },
        ),
        ("aws_ebs_encryption_by_default", {"enabled": True}),
        ("aws_ebs_snapshot_block_public_access", {"state": "block-all-sharing"}),
        ("aws_ec2_instance_metadata_defaults", {"http_tokens": "required"}),
        ("aws_accessanalyzer_analyzer", {"type": "ACCOUNT"}),
        ("aws_guardduty_detector", {"enable": True}),
    ],
)
def test_every_account_has_the_same_guard_rails(shared: SynthesizedStack, type: str, expected: dict[str, Any]) -> None:
    found = by_account(shared, type)
    assert set(found) == set(EVERY_ACCOUNT)
    for account, resource in found.items():
        assert {key: resource[key] for key in expected} == expected
        assert resource.get("provider") == provider_of(account)
        assert resource.get("account_id") in (None, account), "what is closed is that account"


def test_security_hub_starts_when_config_records(shared: SynthesizedStack) -> None:
    hubs = by_account(shared, "aws_securityhub_account")
    assert set(hubs) == set(EVERY_ACCOUNT)
    for account, hub in hubs.items():
        before = shared.comes_after(hub)
        assert f"aws_config_configuration_recorder_status.accounts_{account}_audit_recording" in before
    assert len(shared.all("aws_securityhub_standards_subscription")) == len(EVERY_ACCOUNT)


def test_security_hub_checks_one_standard_that_is_named_here(
    shared: SynthesizedStack, environments: Environments
) -> None:
    """By default it takes two, whose findings nobody has asked for, and which Terraform does not see."""
    regions = {tier.clouds.aws.account: tier.clouds.aws.region for tier in environments.tiers.values()}
    for account, standard in by_account(shared, "aws_securityhub_standards_subscription").items():
        hub = by_account(shared, "aws_securityhub_account")[account]
        assert hub["enable_default_standards"] is False
        assert hub.address in shared.comes_after(standard), "refused before it is there"
        region = regions.get(account, environments.shared.clouds.aws.region)
        assert standard["standards_arn"].startswith(f"arn:aws:securityhub:{region}::standards/aws-foundational")


WATCHED = {
    # By what an environment has: what GuardDuty has to read to see whether somebody turns it against us.
    "aws_eks_cluster": "EKS_AUDIT_LOGS",
    "aws_db_instance": "RDS_LOGIN_EVENTS",
    "aws_lambda_function": "LAMBDA_NETWORK_LOGS",
    "aws_s3_bucket": "S3_DATA_EVENTS",
    "aws_launch_template": "EBS_MALWARE_PROTECTION",
}


@pytest.mark.parametrize("tier", ACCOUNTS)
def test_guardduty_reads_what_each_thing_that_runs_there_leaves(
    shared: SynthesizedStack, stack: StackOf, tier: str
) -> None:
    detector = by_account(shared, "aws_guardduty_detector")[ACCOUNTS[tier]]
    features = shared.referring_to(detector, "aws_guardduty_detector_feature")
    enabled = {feature["name"] for feature in features if feature["status"] == "ENABLED"}
    needed = {WATCHED[type] for type in WATCHED if stack(f"{tier}-aws").all(type)}
    assert "EKS_AUDIT_LOGS" in needed
    assert needed <= enabled


def test_guardduty_puts_nothing_of_its_own_into_the_network(shared: SynthesizedStack) -> None:
    runtime = [f for f in shared.all("aws_guardduty_detector_feature") if f["name"] == "RUNTIME_MONITORING"]
    assert len(runtime) == len(EVERY_ACCOUNT)
    for feature in runtime:
        assert feature["status"] == "DISABLED"
        agents = {agent["name"]: agent["status"] for agent in feature["additional_configuration"]}
        assert agents == dict.fromkeys(
            ("EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT"), "DISABLED"
        )


def test_people_hear_of_the_budget_before_it_is_spent(shared: SynthesizedStack, environments: Environments) -> None:
    budget = environments.shared.clouds.aws.budget
    budgets = by_account(shared, "aws_budgets_budget")
    assert set(budgets) == set(EVERY_ACCOUNT)
    for each in budgets.values():
        assert each["limit_amount"] == str(budget.monthly_usd)
        assert each["time_unit"] == "MONTHLY"
        alerts = {alert["notification_type"]: alert for alert in each["notification"]}
        assert alerts["ACTUAL"]["threshold"] < 100
        assert set(alerts) == {"ACTUAL", "FORECASTED"}
        for alert in alerts.values():
            assert alert["comparison_operator"] == "GREATER_THAN"
            assert alert["threshold_type"] == "PERCENTAGE", "of the budget, not dollars"
            assert alert["subscriber_email_addresses"] == list(budget.alert_emails)

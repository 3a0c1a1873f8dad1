"""Images, audit logs, the public zone and the guard rails: that no environment can reach what watches it."""

import json
from typing import Any

import pytest

from portal.aws.accounts import accounts
from portal.spec.loader import Environments
from tests.aws.policies import document, statements
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

SHARED = "444444444444"
EVERY_ACCOUNT = ("111111111111", "222222222222", "333333333333", SHARED)


@pytest.fixture(scope="module")
def shared(stack: StackOf) -> SynthesizedStack:
    return stack("shared-aws")


def by_account(shared: SynthesizedStack, type: str) -> dict[str, Resource]:
    return {resource.path.split("/")[2]: resource for resource in shared.all(type)}


def test_tags_never_move_images_are_scanned_and_encrypted(shared: SynthesizedStack) -> None:
    repositories = shared.all("aws_ecr_repository")
    assert {r["name"] for r in repositories} == {"portal/frontend", "portal/backend", "portal/loadtest"}
    for repository in repositories:
        assert repository["image_tag_mutability"] == "IMMUTABLE"
        assert repository["image_scanning_configuration"] == {"scan_on_push": True}
        assert shared.references(repository) == {"aws_kms_key.registry_key"}
        assert repository["lifecycle"]["prevent_destroy"] is True


def test_environments_pull_and_none_of_them_pushes(shared: SynthesizedStack) -> None:
    for policy in shared.all("aws_ecr_repository_policy"):
        (statement,) = statements(policy["policy"])
        assert {arn.split(":")[4] for arn in statement["Principal"]["AWS"]} == set(EVERY_ACCOUNT)
        assert not [action for action in statement["Action"] if "Put" in action or "Upload" in action]


def test_an_image_without_a_tag_goes_before_one_that_has_one(shared: SynthesizedStack) -> None:
    for policy in shared.all("aws_ecr_lifecycle_policy"):
        first, second = sorted(document(policy["policy"])["rules"], key=lambda rule: rule["rulePriority"])
        assert first["selection"]["tagStatus"] == "untagged"
        # ECR refuses a rule for any tag that is not the last.
        assert second["selection"]["tagStatus"] == "any"


def test_every_account_is_recorded_into_the_shared_one(shared: SynthesizedStack) -> None:
    trails, channels = by_account(shared, "aws_cloudtrail"), by_account(shared, "aws_config_delivery_channel")
    assert set(trails) == set(channels) == set(EVERY_ACCOUNT)
    store = shared.one("aws_s3_bucket")
    assert store.get("provider") is None
    for trail in trails.values():
        assert trail["s3_bucket_name"] == store["bucket"]
        assert trail["is_multi_region_trail"] is True
        assert trail["enable_log_file_validation"] is True
        assert "aws_kms_key.audit-store_key" in shared.references(trail)
        # The bucket must admit it before it starts, or CloudTrail refuses to be made.
        assert "aws_s3_bucket_policy.audit-store_tls-only" in shared.comes_after(trail)


def test_the_store_admits_exactly_these_trails_and_recorders(shared: SynthesizedStack) -> None:
    policy = {s["Sid"]: s for s in statements(shared.one("aws_s3_bucket_policy")["policy"])}
    trails = {f"arn:aws:cloudtrail:eu-west-1:{account}:trail/portal-audit" for account in EVERY_ACCOUNT}
    assert set(policy["TrailsWrite"]["Condition"]["StringEquals"]["aws:SourceArn"]) == trails
    assert set(policy["ConfigWrites"]["Condition"]["StringEquals"]["aws:SourceAccount"]) == set(EVERY_ACCOUNT)
    named = {trail["name"] for trail in shared.all("aws_cloudtrail")}
    assert {arn.rpartition("/")[2] for arn in trails} == named


def test_audit_logs_outlive_their_retention_by_nothing_and_nobody_deletes_the_store(
    shared: SynthesizedStack, environments: Environments
) -> None:
    (rule,) = shared.one("aws_s3_bucket_lifecycle_configuration")["rule"]
    assert rule["expiration"] == [{"days": environments.shared.clouds.aws.audit_retention_days}]
    assert shared.one("aws_s3_bucket")["lifecycle"]["prevent_destroy"] is True


def test_security_hub_starts_when_config_records(shared: SynthesizedStack) -> None:
    for account, hub in by_account(shared, "aws_securityhub_account").items():
        before = shared.comes_after(hub)
        assert f"aws_config_configuration_recorder_status.accounts_{account}_audit_recording" in before
    assert len(shared.all("aws_securityhub_standards_subscription")) == len(EVERY_ACCOUNT)


def test_guardduty_puts_nothing_of_its_own_into_the_network(shared: SynthesizedStack) -> None:
    runtime = [f for f in shared.all("aws_guardduty_detector_feature") if f["name"] == "RUNTIME_MONITORING"]
    assert len(runtime) == len(EVERY_ACCOUNT)
    for feature in runtime:
        assert feature["status"] == "DISABLED"
        agents = {agent["name"]: agent["status"] for agent in feature["additional_configuration"]}
        assert agents == dict.fromkeys(
            ("EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT"), "DISABLED"
        )


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        ("aws_s3_account_public_access_block", {"block_public_policy": True, "restrict_public_buckets": True}),
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
        assert resource.get("provider") == (None if account == SHARED else f"aws.account-{account}")


def test_people_hear_of_the_budget_before_it_is_spent(shared: SynthesizedStack, environments: Environments) -> None:
    budget = environments.shared.clouds.aws.budget
    for each in by_account(shared, "aws_budgets_budget").values():
        assert each["limit_amount"] == str(budget.monthly_usd)
        alerts = {alert["notification_type"]: alert for alert in each["notification"]}
        assert alerts["ACTUAL"]["threshold"] < 100
        assert set(alerts) == {"ACTUAL", "FORECASTED"}
        for alert in alerts.values():
            assert alert["subscriber_email_addresses"] == list(budget.alert_emails)


def test_each_environment_owns_the_zone_of_its_name_and_the_public_zone_delegates_it(
    shared: SynthesizedStack, environments: Environments
) -> None:
    public = shared.one("aws_route53_zone", "zone")
    for tier, environment in environments.tiers.items():
        account = environment.clouds.aws.account
        zone = shared.one("aws_route53_zone", f"accounts_{account}_zone-{tier}")
        assert (zone["name"], zone["provider"]) == (environment.portal.domain, f"aws.account-{account}")
        record = shared.one("aws_route53_record", f"zone_delegates-{tier}")
        assert (record["type"], record["name"]) == ("NS", environment.portal.domain)
        assert shared.references(record) == {public.address, zone.address}
        assert record.get("provider") is None


def test_tiers_that_share_an_account_share_its_guards(environments: Environments) -> None:
    dev = environments.tiers["dev"]
    clouds = dev.clouds.model_copy(update={"aws": environments.tiers["staging"].clouds.aws})
    tiers = {**environments.tiers, "dev": dev.model_copy(update={"clouds": clouds})}
    found = {account.id: account.tiers for account in accounts(environments.shared.clouds.aws, tiers)}
    assert found == {SHARED: (), "222222222222": ("dev", "staging"), "333333333333": ("prod",)}


def test_no_key_password_or_token_of_ci_exists_anywhere(stack: StackOf) -> None:
    for name in ("bootstrap-aws", "shared-aws"):
        types = {resource.type for resource in stack(name).resources.values()}
        assert not {"aws_iam_user", "aws_iam_access_key", "aws_iam_user_login_profile"} & types
        assert "AKIA" not in json.dumps(stack(name).document)


def test_only_amazons_authority_may_certify_an_environments_name(
    shared: SynthesizedStack, environments: Environments
) -> None:
    records = [record for record in shared.all("aws_route53_record") if record["type"] == "CAA"]
    assert {record["name"] for record in records} == {tier.portal.domain for tier in environments.tiers.values()}
    for record in records:
        (zone,) = [shared.resources[a] for a in shared.references(record) if a.startswith("aws_route53_zone.")]
        assert zone["name"] == record["name"]
        issuers = {value.split('"')[1] for value in record["records"] if value.startswith("0 issue ")}
        assert issuers == {"amazon.com", "amazonaws.com", "amazontrust.com", "awstrust.com"}
        assert '0 issuewild ";"' in record["records"]

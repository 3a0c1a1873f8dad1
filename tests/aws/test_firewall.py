"""The firewalls: one before CloudFront, one before the load balancer; what they log and what they leave out."""

import json
from typing import Any

import pytest

from portal.aws.firewall import AT_LOAD_BALANCER, at_edge
from portal.spec.loader import Environments
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

STACKS = ("staging-aws", "prod-aws")
each_edge = pytest.mark.parametrize("name", STACKS)
both = pytest.mark.parametrize("scope", ["CLOUDFRONT", "REGIONAL"])


def firewall(stack: SynthesizedStack, scope: str) -> Resource:
    (found,) = [acl for acl in stack.all("aws_wafv2_web_acl") if acl["scope"] == scope]
    return found


def groups(acl: Resource) -> dict[str, dict[str, Any]]:
    """The groups of AWS that it asks, by name."""
    statements = [rule["statement"].get("managed_rule_group_statement") for rule in acl["rule"]]
    return {statement["name"]: statement for statement in statements if statement}


@each_edge
def test_cloudfront_and_the_load_balancer_have_one_each_in_its_region(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    outer, inner = firewall(synthesized, "CLOUDFRONT"), firewall(synthesized, "REGIONAL")
    assert outer["region"] == "us-east-1"
    assert inner["region"] == environments.tiers[name.partition("-")[0]].clouds.aws.region
    assert synthesized.one("aws_cloudfront_distribution")["web_acl_id"] == f"${{{outer.address}.arn}}"
    association = synthesized.one("aws_wafv2_web_acl_association")
    assert association["web_acl_arn"] == f"${{{inner.address}.arn}}"
    assert association["resource_arn"] == "${aws_lb.load-balancer.arn}"


@each_edge
@both
def test_it_logs_without_what_people_prove_their_identity_with(stack: StackOf, name: str, scope: str) -> None:
    synthesized = stack(name)
    acl = firewall(synthesized, scope)
    (logging,) = synthesized.referring_to(acl, "aws_wafv2_web_acl_logging_configuration")
    redacted = {field["single_header"]["name"] for field in logging["redacted_fields"]}
    assert redacted == {"authorization", "cookie"}
    (log,) = [synthesized.resources[address] for address in synthesized.references(logging) if "_log_group" in address]
    assert log["name"].startswith("aws-waf-logs-"), "WAF delivers nowhere else"
    assert log["region"] == logging["region"] == acl["region"]
    (key,) = synthesized.references(log)
    assert synthesized.resources[key].get("region") in (acl["region"], None)


@each_edge
@both
def test_no_sample_shows_the_headers_that_the_log_leaves_out(stack: StackOf, name: str, scope: str) -> None:
    acl = firewall(stack(name), scope)
    for part in (acl.body, *acl["rule"]):
        assert part["visibility_config"]["sampled_requests_enabled"] is False


@each_edge
@both
def test_what_was_stopped_or_would_have_been_is_logged(stack: StackOf, name: str, scope: str) -> None:
    synthesized = stack(name)
    (logging,) = synthesized.referring_to(firewall(synthesized, scope), "aws_wafv2_web_acl_logging_configuration")
    (kept,) = logging["logging_filter"]["filter"]
    assert logging["logging_filter"]["default_behavior"] == "DROP"
    assert {c["action_condition"]["action"] for c in kept["condition"]} == {"BLOCK", "COUNT", "EXCLUDED_AS_COUNT"}
    assert (kept["behavior"], kept["requirement"]) == ("KEEP", "MEETS_ANY")


@each_edge
def test_who_asks_too_often_is_stopped_at_the_edge(stack: StackOf, environments: Environments, name: str) -> None:
    spec = environments.tiers[name.partition("-")[0]].clouds.aws.edge
    assert spec
    rules = {rule["name"]: rule for rule in firewall(stack(name), "CLOUDFRONT")["rule"]}
    limit = rules["too-many-requests"]
    assert limit["action"] == {"block": {}}
    assert limit["statement"]["rate_based_statement"] == {
        "aggregate_key_type": "IP",
        "limit": spec.requests_per_address,
        "evaluation_window_sec": 300,
    }


@each_edge
def test_behind_cloudfront_nobody_is_counted(stack: StackOf, name: str) -> None:
    """By address all would be CloudFront; by header each would be whoever it says."""
    assert "rate_based_statement" not in json.dumps(firewall(stack(name), "REGIONAL")["rule"])


@each_edge
def test_rules_block_except_those_that_count_for_a_written_reason(stack: StackOf, name: str) -> None:
    reasons = {
        group.name: group.counted for group in (*at_edge(requests_per_address=10).groups, *AT_LOAD_BALANCER.groups)
    }
    for acl in stack(name).each("aws_wafv2_web_acl"):
        for rule in acl["rule"]:
            # `none`: what the group says counts; `count` here would switch the whole group off.
            assert rule.get("override_action", {"none": {}}) == {"none": {}}
        for group, statement in groups(acl).items():
            counted = {override["name"] for override in statement["rule_action_override"]}
            assert counted == set(reasons[group])
    assert all(len(reason) > 20 for counted in reasons.values() for reason in counted.values())


@each_edge
def test_known_attacks_stop_at_both_and_each_has_its_own_besides(stack: StackOf, name: str) -> None:
    outer = set(groups(firewall(stack(name), "CLOUDFRONT")))
    inner = set(groups(firewall(stack(name), "REGIONAL")))
    # Log4Shell and its like.
    assert outer & inner == {"AWSManagedRulesKnownBadInputsRuleSet"}
    assert "AWSManagedRulesAmazonIpReputationList" in outer, "behind CloudFront every address is CloudFront's"
    assert "AWSManagedRulesSQLiRuleSet" in inner


@each_edge
@both
def test_rules_fit_into_what_one_firewall_may_hold(stack: StackOf, name: str, scope: str) -> None:
    """1,500 units. Source: AWS WAF developer guide, "AWS Managed Rules rule groups list", capacities."""
    units = {
        "AWSManagedRulesAmazonIpReputationList": 25,
        "AWSManagedRulesCommonRuleSet": 700,
        "AWSManagedRulesKnownBadInputsRuleSet": 200,
        "AWSManagedRulesLinuxRuleSet": 200,
        "AWSManagedRulesSQLiRuleSet": 200,
    }
    acl = firewall(stack(name), scope)
    rate = 2
    assert sum(units[group] for group in groups(acl)) + rate <= 1500
    assert sorted(rule["priority"] for rule in acl["rule"]) == sorted({rule["priority"] for rule in acl["rule"]})

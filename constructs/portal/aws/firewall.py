"""Web application firewalls: one at CloudFront, which asks who is asking, and one at the load balancer, which asks for
what it does to the applications behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from cdktf_cdktf_provider_aws.wafv2_web_acl import (
    Wafv2WebAcl,
    Wafv2WebAclDefaultAction,
    Wafv2WebAclDefaultActionAllow,
    Wafv2WebAclRule,
    Wafv2WebAclRuleAction,
    Wafv2WebAclRuleActionBlock,
    Wafv2WebAclRuleOverrideAction,
    Wafv2WebAclRuleOverrideActionNone,
    Wafv2WebAclRuleVisibilityConfig,
    Wafv2WebAclVisibilityConfig,
)
from cdktf_cdktf_provider_aws.wafv2_web_acl_logging_configuration import (
    Wafv2WebAclLoggingConfiguration,
    Wafv2WebAclLoggingConfigurationLoggingFilter,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilter,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilterCondition,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilterConditionActionCondition,
    Wafv2WebAclLoggingConfigurationRedactedFields,
    Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader,
)
from constructs import Construct

from portal.aws.certificates import EDGE_REGION
from portal.aws.keys import Key
from portal.aws.logs import DeliveredLogs
from portal.edge_policy import IDENTIFYING_HEADERS
from portal.naming import Kind, Naming

RATE_WINDOW_SECONDS: Final = 300

LOGGED_ACTIONS: Final = ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")
"""What a rule stopped or would have stopped. What passed stands in the access logs."""


@dataclass(frozen=True, kw_only=True)
class RuleGroup:
    """A group of rules that AWS maintains. `counted`: its rules that only count, with the reason.

    Source: AWS WAF developer guide, "AWS Managed Rules rule groups list".
    """

    name: str
    counted: Mapping[str, str] = field(default_factory=dict)


CODE = "Developers send code, markup and queries to the scaffolder and the catalog: it looks like this."

REPUTATION = RuleGroup(name="AWSManagedRulesAmazonIpReputationList")
COMMON = RuleGroup(
    name="AWSManagedRulesCommonRuleSet",
    counted={
        "SizeRestrictions_BODY": "Templates and entities that people send are longer than its 8 KB.",
        "SizeRestrictions_QUERYSTRING": "The catalog is asked by filters in the query, longer than its 2 KB.",
        "CrossSiteScripting_BODY": CODE,
        "GenericLFI_BODY": CODE,
        "GenericRFI_BODY": CODE,
    },
)
KNOWN_BAD_INPUTS = RuleGroup(name="AWSManagedRulesKnownBadInputsRuleSet")
SQL = RuleGroup(name="AWSManagedRulesSQLiRuleSet", counted={"SQLi_BODY": CODE, "SQLiExtendedPatterns_BODY": CODE})
LINUX = RuleGroup(name="AWSManagedRulesLinuxRuleSet")


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What a firewall looks at: `groups`, in this order, after it has counted.

    `requests_per_address`: in five minutes; above it an address is shut out. None: it counts nobody.
    """

    scope: Literal["CLOUDFRONT", "REGIONAL"]
    groups: tuple[RuleGroup, ...]
    requests_per_address: int | None


def at_edge(*, requests_per_address: int) -> Screening:
    """What asks too often or is known for attacks gets no further than the edge."""
    return Screening(
        scope="CLOUDFRONT",
        groups=(REPUTATION, COMMON, KNOWN_BAD_INPUTS),
        requests_per_address=requests_per_address,
    )


AT_LOAD_BALANCER: Final = Screening(
    scope="REGIONAL",
    # What a Node.js application on Linux before PostgreSQL is sensitive to.
    groups=(KNOWN_BAD_INPUTS, SQL, LINUX),
    # Every request comes from CloudFront. The first address in X-Forwarded-For, which a rule here would count instead,
    # is what the client wrote there: whoever changes it each time is never shut out, and can shut out others.
    requests_per_address=None,
)


class Firewall(Construct):
    """A web ACL that stops what its rules match and logs that, without what people prove their identity with.

    No samples of requests: they would show the headers that the log leaves out.

    Source: guide, "AWS Architecture", WAF; AWS WAF developer guide, "Logging web ACL traffic".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        purpose: str,
        screening: Screening,
        naming: Naming,
        account: str,
        region: str,
        logs_key: Key,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_NAME, purpose)
        at_home = EDGE_REGION if screening.scope == "CLOUDFRONT" else region
        acl = Wafv2WebAcl(
            self,
            "Default",
            name=name,
            region=at_home,
            scope=screening.scope,
            default_action=Wafv2WebAclDefaultAction(allow=Wafv2WebAclDefaultActionAllow()),
            rule=list(_rules(screening)),
            visibility_config=Wafv2WebAclVisibilityConfig(
                metric_name=name, cloudwatch_metrics_enabled=True, sampled_requests_enabled=False
            ),
        )
        self.arn: str = acl.arn
        log = DeliveredLogs(
            self,
            "log",
            # WAF delivers to groups of this prefix only.
            name=f"aws-waf-logs-{name}",
            key=logs_key,
            retention_days=log_retention_days,
            account=account,
            region=at_home,
        )
        Wafv2WebAclLoggingConfiguration(
            self,
            "logged",
            region=at_home,
            resource_arn=acl.arn,
            log_destination_configs=[log.arn],
            redacted_fields=[
                Wafv2WebAclLoggingConfigurationRedactedFields(
                    single_header=Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader(name=header.lower())
                )
                for header in IDENTIFYING_HEADERS
            ],
            logging_filter=Wafv2WebAclLoggingConfigurationLoggingFilter(
                default_behavior="DROP",
                filter=[
                    Wafv2WebAclLoggingConfigurationLoggingFilterFilter(
                        behavior="KEEP",
                        requirement="MEETS_ANY",
                        condition=[
                            Wafv2WebAclLoggingConfigurationLoggingFilterFilterCondition(
                                action_condition=(
                                    Wafv2WebAclLoggingConfigurationLoggingFilterFilterConditionActionCondition(
                                        action=action
                                    )
                                )
                            )
                            for action in LOGGED_ACTIONS
                        ],
                    )
                ],
            ),
            depends_on=[log.ready],
        )


def _rules(screening: Screening) -> Iterator[Wafv2WebAclRule]:
    """First how often, then by what: counting is the cheapest."""
    if screening.requests_per_address:
        yield Wafv2WebAclRule(
            name="too-many-requests",
            priority=0,
            action=Wafv2WebAclRuleAction(block=Wafv2WebAclRuleActionBlock()),
            statement={
                "rate_based_statement": {
                    "aggregate_key_type": "IP",
                    "limit": screening.requests_per_address,
                    "evaluation_window_sec": RATE_WINDOW_SECONDS,
                }
            },
            visibility_config=_metric("too-many-requests"),
        )
    for priority, group in enumerate(screening.groups, start=1):
        yield Wafv2WebAclRule(
            name=group.name,
            priority=priority,
            override_action=Wafv2WebAclRuleOverrideAction(none=Wafv2WebAclRuleOverrideActionNone()),
            statement={
                "managed_rule_group_statement": {
                    "vendor_name": "AWS",
                    "name": group.name,
                    "rule_action_override": [
                        {"name": rule, "action_to_use": {"count": {}}} for rule in sorted(group.counted)
                    ],
                }
            },
            visibility_config=_metric(group.name),
        )


def _metric(name: str) -> Wafv2WebAclRuleVisibilityConfig:
    return Wafv2WebAclRuleVisibilityConfig(
        metric_name=name, cloudwatch_metrics_enabled=True, sampled_requests_enabled=False
    )

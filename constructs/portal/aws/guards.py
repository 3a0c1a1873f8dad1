"""What holds in an account whatever is deployed into it."""

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.accessanalyzer_analyzer import AccessanalyzerAnalyzer
from cdktf_cdktf_provider_aws.budgets_budget import BudgetsBudget, BudgetsBudgetNotification
from cdktf_cdktf_provider_aws.ebs_encryption_by_default import EbsEncryptionByDefault
from cdktf_cdktf_provider_aws.ebs_snapshot_block_public_access import EbsSnapshotBlockPublicAccess
from cdktf_cdktf_provider_aws.ec2_instance_metadata_defaults import Ec2InstanceMetadataDefaults
from cdktf_cdktf_provider_aws.guardduty_detector import GuarddutyDetector
from cdktf_cdktf_provider_aws.guardduty_detector_feature import (
    GuarddutyDetectorFeature,
    GuarddutyDetectorFeatureAdditionalConfiguration,
)
from cdktf_cdktf_provider_aws.s3_account_public_access_block import S3AccountPublicAccessBlock
from cdktf_cdktf_provider_aws.securityhub_account import SecurityhubAccount
from cdktf_cdktf_provider_aws.securityhub_standards_subscription import SecurityhubStandardsSubscription
from constructs import Construct

from portal.spec.shared import Budget

FORECAST_PERCENT = 100
ACTUAL_PERCENT = 80

WATCHED = ("S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "LAMBDA_NETWORK_LOGS")
"""What GuardDuty reads beside its foundations; it needs nothing installed for these."""


class AccountGuards(Construct):
    """Nothing of the account is public by accident, everything is encrypted by default, and somebody watches.

    `recording`: Config, which Security Hub's checks read. Source: AWS Foundational Security Best Practices.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        account: str,
        region: str,
        budget: Budget,
        recording: ITerraformDependable,
    ) -> None:
        super().__init__(scope, id)
        S3AccountPublicAccessBlock(
            self,
            "no-public-buckets",
            account_id=account,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        EbsEncryptionByDefault(self, "encrypted-volumes", enabled=True)
        EbsSnapshotBlockPublicAccess(self, "no-public-snapshots", state="block-all-sharing")
        # Machines that say otherwise in their launch template still may: the nodes do, where pods need a hop more.
        Ec2InstanceMetadataDefaults(self, "metadata-by-session", http_tokens="required", http_put_response_hop_limit=1)
        AccessanalyzerAnalyzer(self, "access-analyzer", analyzer_name="portal", type="ACCOUNT")
        self._threats()
        hub = SecurityhubAccount(self, "security-hub", enable_default_standards=False, depends_on=[recording])
        SecurityhubStandardsSubscription(
            self,
            "best-practices",
            standards_arn=f"arn:aws:securityhub:{region}::standards/aws-foundational-security-best-practices/v/1.0.0",
            depends_on=[hub],
        )
        BudgetsBudget(
            self,
            "budget",
            name="portal-monthly",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(budget.monthly_usd),
            limit_unit="USD",
            notification=[
                _alert("ACTUAL", ACTUAL_PERCENT, budget),
                _alert("FORECASTED", FORECAST_PERCENT, budget),
            ],
        )

    def _threats(self) -> None:
        """GuardDuty, which manages no agent: that would put an endpoint and a security group of its own into the VPC,
        and a destroy would wait for them in vain."""
        detector = GuarddutyDetector(self, "threats", enable=True, finding_publishing_frequency="FIFTEEN_MINUTES")
        for feature in WATCHED:
            GuarddutyDetectorFeature(
                self,
                f"threats-{feature.lower().replace('_', '-')}",
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
            )
        GuarddutyDetectorFeature(
            self,
            "threats-runtime",
            detector_id=detector.id,
            name="RUNTIME_MONITORING",
            status="DISABLED",
            additional_configuration=[
                GuarddutyDetectorFeatureAdditionalConfiguration(name=agent, status="DISABLED")
                for agent in ("EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT")
            ],
        )


def _alert(kind: str, percent: int, budget: Budget) -> BudgetsBudgetNotification:
    return BudgetsBudgetNotification(
        comparison_operator="GREATER_THAN",
        notification_type=kind,
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=list(budget.alert_emails),
    )

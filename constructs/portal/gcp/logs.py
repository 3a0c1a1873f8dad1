"""What the project logs, and for how long."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.logging_project_bucket_config import LoggingProjectBucketConfig
from cdktf_cdktf_provider_google.project_iam_audit_config import (
    ProjectIamAuditConfig,
    ProjectIamAuditConfigAuditLogConfig,
)
from constructs import Construct


class Logs(Construct):
    """Audit logs of who read what in the cluster, kept as long as everything else that the project logs.

    Google itself always logs who changed what, and keeps that for 400 days. Both settings are the project's: Terraform
    adopts the bucket that Google made, and a destroy leaves it. Whoever writes logs depends on `ready`.

    Source: GKE, "Kubernetes audit logging"; Cloud Logging, "Log buckets"; provider docs,
    `google_logging_project_bucket_config`, `google_project_iam_audit_config`.
    """

    def __init__(
        self, scope: Construct, id: str, *, project: str, retention_days: int, after: Sequence[ITerraformDependable]
    ) -> None:
        super().__init__(scope, id)
        bucket = LoggingProjectBucketConfig(
            self,
            "Default",
            project=project,
            location="global",
            bucket_id="_Default",
            retention_days=retention_days,
            depends_on=list(after),
        )
        access = ProjectIamAuditConfig(
            self,
            "access",
            project=project,
            service="container.googleapis.com",
            audit_log_config=[
                ProjectIamAuditConfigAuditLogConfig(log_type=log_type)
                for log_type in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
            ],
            depends_on=list(after),
        )
        self.ready: tuple[ITerraformDependable, ...] = (bucket, access)

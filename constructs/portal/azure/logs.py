"""Log Analytics: where the environment's audit logs are kept."""

from collections.abc import Sequence
from typing import Literal

from cdktf_cdktf_provider_azurerm.log_analytics_workspace import LogAnalyticsWorkspace
from cdktf_cdktf_provider_azurerm.monitor_diagnostic_setting import (
    MonitorDiagnosticSetting,
    MonitorDiagnosticSettingEnabledLog,
)
from constructs import Construct

from portal.azure.group import Group


class Workspace(Construct):
    """A workspace that only Entra identities read and write; Azure encrypts it."""

    def __init__(self, scope: Construct, id: str, *, group: Group, name: str, retention_days: int) -> None:
        super().__init__(scope, id)
        workspace = LogAnalyticsWorkspace(
            self,
            "Default",
            resource_group_name=group.name,
            location=group.region,
            name=name,
            sku="PerGB2018",
            retention_in_days=retention_days,
            local_authentication_enabled=False,
            tags=group.tags,
        )
        self.resource_id: str = workspace.id


class AuditLogs(Construct):
    """Sends log `categories` of one resource to the workspace.

    `tables`: "Dedicated" gives each category its own table, where the resource offers that; None where it does not.

    Source: azurerm_monitor_diagnostic_setting; Azure Monitor, "Resource logs".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        resource_id: str,
        workspace: Workspace,
        categories: Sequence[str],
        tables: Literal["Dedicated"] | None = None,
    ) -> None:
        super().__init__(scope, id)
        MonitorDiagnosticSetting(
            self,
            "Default",
            name="audit",
            target_resource_id=resource_id,
            log_analytics_workspace_id=workspace.resource_id,
            log_analytics_destination_type=tables,
            enabled_log=[MonitorDiagnosticSettingEnabledLog(category=category) for category in categories],
        )

"""Audit logs: what is kept, where, how long."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_logs_are_kept_as_long_as_the_tier_says(stack: StackOf, environments: Environments, tier: str) -> None:
    workspace = stack(f"{tier}-azure").one("azurerm_log_analytics_workspace")
    assert workspace["retention_in_days"] == environments.tiers[tier].clouds.azure.cluster.log_retention_days


def test_the_workspace_has_no_keys(stack: StackOf) -> None:
    assert stack("prod-azure").one("azurerm_log_analytics_workspace")["local_authentication_enabled"] is False


def test_the_cluster_and_every_vault_send_their_audit_logs_to_the_workspace(stack: StackOf) -> None:
    prod = stack("prod-azure")
    workspace = prod.one("azurerm_log_analytics_workspace")
    audited = {
        "azurerm_kubernetes_cluster": {"guard", "kube-audit"},
        "azurerm_key_vault": {"AuditEvent"},
    }
    for type, categories in audited.items():
        for resource in prod.each(type):
            (setting,) = prod.referring_to(resource, "azurerm_monitor_diagnostic_setting")
            assert workspace.address in prod.references(setting)
            assert categories <= {log["category"] for log in setting["enabled_log"]}

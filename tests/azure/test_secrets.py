"""The vault of secrets: who reaches it, who reads it."""

import pytest

from tests.conftest import StackOf


def test_nodes_and_the_operators_networks_reach_the_vault_and_nobody_else(stack: StackOf) -> None:
    prod = stack("prod-azure")
    acls = prod.one("azurerm_key_vault", "secrets_vault")["network_acls"]
    assert (acls["default_action"], acls["ip_rules"]) == ("Deny", ["198.51.100.0/24"])
    assert acls["virtual_network_subnet_ids"] == ["${azurerm_subnet.network_nodes.id}"]
    assert "Microsoft.KeyVault" in prod.one("azurerm_subnet", "network_nodes")["service_endpoints"]


def test_administrators_write_and_external_secrets_reads(stack: StackOf) -> None:
    prod = stack("prod-azure")
    vault = prod.one("azurerm_key_vault", "secrets_vault")
    roles = {role["role_definition_name"]: role for role in prod.referring_to(vault, "azurerm_role_assignment")}
    assert roles.keys() == {"Key Vault Secrets Officer", "Key Vault Secrets User"}
    assert roles["Key Vault Secrets Officer"]["principal_type"] == "Group"
    reader = prod.one("azurerm_user_assigned_identity", "secrets_reader")
    assert reader.address in prod.references(roles["Key Vault Secrets User"])


def test_the_pods_of_external_secrets_act_as_the_reader_and_wait_for_the_right(stack: StackOf) -> None:
    prod = stack("prod-azure")
    release, values = prod.releases["external-secrets"], prod.values("external-secrets")
    credential = prod.one("azurerm_federated_identity_credential", "secrets_user")
    account = values["serviceAccount"]
    assert credential["subject"] == f"system:serviceaccount:{release['namespace']}:{account['name']}"
    identity = "<azurerm_user_assigned_identity.secrets_reader.client_id>"
    assert account["annotations"] == {"azure.workload.identity/client-id": identity}
    assert values["podLabels"] == {"azure.workload.identity/use": "true"}
    before = prod.comes_after(release)
    assert {credential.address, "azurerm_role_assignment.secrets_reads"} <= before


@pytest.mark.parametrize("name", ["dev-azure", "prod-azure"])
def test_the_store_is_that_vault(stack: StackOf, name: str) -> None:
    provider = stack(name).values("credentials")["store"]["provider"]["azurekv"]
    assert provider["vaultUrl"] == "<azurerm_key_vault.secrets_vault.vault_uri>"
    assert provider["authType"] == "WorkloadIdentity"

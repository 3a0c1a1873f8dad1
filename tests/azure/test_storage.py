"""The container of the database's backups: who reaches it, and that nothing in it is lost by mistake."""

import pytest

from tests.conftest import StackOf

KEEPING = ("staging-azure", "prod-azure")


def test_a_tier_without_backups_has_no_account(stack: StackOf) -> None:
    assert stack("dev-azure").all("azurerm_storage_account") == []


@pytest.mark.parametrize("name", KEEPING)
def test_no_key_and_no_other_network_opens_the_account(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    account = synthesized.one("azurerm_storage_account")
    assert account["shared_access_key_enabled"] is False
    assert account["local_user_enabled"] is False
    assert account["allow_nested_items_to_be_public"] is False
    rules = account["network_rules"]
    assert (rules["default_action"], rules["bypass"]) == ("Deny", ["None"])
    assert synthesized.references(account) >= {"azurerm_subnet.network_nodes"}
    assert synthesized.one("azurerm_subnet", "network_nodes")["service_endpoints"] == ["Microsoft.Storage"]


@pytest.mark.parametrize("name", KEEPING)
def test_what_was_deleted_comes_back_for_two_weeks(stack: StackOf, name: str) -> None:
    blobs = stack(name).one("azurerm_storage_account")["blob_properties"]
    assert blobs["versioning_enabled"] is True
    assert blobs["delete_retention_policy"]["days"] == 14
    assert blobs["container_delete_retention_policy"]["days"] == 14


@pytest.mark.parametrize("name", KEEPING)
def test_neither_account_nor_container_can_be_destroyed_while_protected(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for type in ("azurerm_storage_account", "azurerm_storage_container"):
        assert synthesized.one(type)["lifecycle"]["prevent_destroy"] is True


@pytest.mark.parametrize("name", KEEPING)
def test_only_the_databases_pods_write_there_and_they_wait_for_the_right(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    credential = synthesized.one("azurerm_federated_identity_credential")
    assert credential["subject"] == "system:serviceaccount:developer-portal:postgres-cluster"
    assert credential["issuer"] == "${azurerm_kubernetes_cluster.cluster.oidc_issuer_url}"
    role = synthesized.one("azurerm_role_assignment", "database-backups_writes")
    assert role["role_definition_name"] == "Storage Blob Data Contributor"
    assert "azurerm_storage_container.database-backups" in synthesized.references(role)
    before = synthesized.comes_after(synthesized.releases["postgres-cluster"])
    assert {credential.address, role.address} <= before


def test_the_pods_carry_what_the_identity_webhook_looks_for(stack: StackOf) -> None:
    backup = stack("prod-azure").values("postgres-cluster")["backup"]
    assert backup["podLabels"] == {"azure.workload.identity/use": "true"}
    identity = "<azurerm_user_assigned_identity.database-backups_writer.client_id>"
    assert backup["serviceAccountAnnotations"] == {"azure.workload.identity/client-id": identity}


def test_the_database_archives_into_that_container(stack: StackOf) -> None:
    prod = stack("prod-azure")
    account = prod.one("azurerm_storage_account")["name"]
    container = prod.one("azurerm_storage_container")["name"]
    destination = prod.values("postgres-cluster")["backup"]["destination"]
    assert destination == f"https://{account}.blob.core.windows.net/{container}/postgres"

"""The containers of backups: who reaches each, and that nothing in them is lost by mistake."""

import pytest

from tests.conftest import StackOf

KEEPING = ("staging-azure", "prod-azure")


def test_a_tier_without_backups_has_no_account(stack: StackOf) -> None:
    assert stack("dev-azure").all("azurerm_storage_account") == []


STORES = {
    # By Terraform name: the Kubernetes service account that writes there, and its release.
    "database-backups": ("developer-portal", "postgres-cluster", "postgres-cluster"),
    "cluster-backups": ("velero", "velero", "velero"),
    "metrics": ("monitoring", "prometheus", "metrics-archive"),
}
ONLY_IN_PRODUCTION = ("metrics",)


def stores(name: str) -> list[str]:
    return [store for store in STORES if name.startswith("prod") or store not in ONLY_IN_PRODUCTION]


each_store = pytest.mark.parametrize(("name", "store"), [(name, store) for name in KEEPING for store in stores(name)])


@pytest.mark.parametrize("name", KEEPING)
def test_these_are_all_the_accounts(stack: StackOf, name: str) -> None:
    assert {account.address for account in stack(name).all("azurerm_storage_account")} == {
        f"azurerm_storage_account.{store}_account" for store in stores(name)
    }


@each_store
def test_no_key_and_no_other_network_opens_the_account(stack: StackOf, name: str, store: str) -> None:
    synthesized = stack(name)
    account = synthesized.one("azurerm_storage_account", f"{store}_account")
    assert account["shared_access_key_enabled"] is False
    assert account["local_user_enabled"] is False
    assert account["allow_nested_items_to_be_public"] is False
    rules = account["network_rules"]
    assert (rules["default_action"], rules["bypass"]) == ("Deny", ["None"])
    assert synthesized.references(account) >= {"azurerm_subnet.network_nodes"}
    assert "Microsoft.Storage" in synthesized.one("azurerm_subnet", "network_nodes")["service_endpoints"]


@each_store
def test_what_was_deleted_comes_back_for_two_weeks(stack: StackOf, name: str, store: str) -> None:
    blobs = stack(name).one("azurerm_storage_account", f"{store}_account")["blob_properties"]
    assert blobs["versioning_enabled"] is True
    assert blobs["delete_retention_policy"]["days"] == 14
    assert blobs["container_delete_retention_policy"]["days"] == 14


@pytest.mark.parametrize("name", KEEPING)
def test_neither_account_nor_container_can_be_destroyed_while_protected(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for type in ("azurerm_storage_account", "azurerm_storage_container"):
        for resource in synthesized.each(type):
            assert resource["lifecycle"]["prevent_destroy"] is True


@each_store
def test_only_its_own_pods_write_there_and_they_wait_for_the_right(stack: StackOf, name: str, store: str) -> None:
    synthesized = stack(name)
    namespace, account, release = STORES[store]
    credential = synthesized.one("azurerm_federated_identity_credential", f"{store}_user")
    assert credential["subject"] == f"system:serviceaccount:{namespace}:{account}"
    assert credential["issuer"] == "${azurerm_kubernetes_cluster.cluster.oidc_issuer_url}"
    role = synthesized.one("azurerm_role_assignment", f"{store}_writes")
    assert role["role_definition_name"] == "Storage Blob Data Contributor"
    assert f"azurerm_storage_container.{store}" in synthesized.references(role)
    before = synthesized.comes_after(synthesized.releases[release])
    assert {credential.address, role.address} <= before


def test_the_pods_carry_what_the_identity_webhook_looks_for(stack: StackOf) -> None:
    backup = stack("prod-azure").values("postgres-cluster")["backup"]
    assert backup["podLabels"] == {"azure.workload.identity/use": "true"}
    identity = "<azurerm_user_assigned_identity.database-backups_writer.client_id>"
    assert backup["serviceAccountAnnotations"] == {"azure.workload.identity/client-id": identity}


def test_the_database_archives_into_that_container(stack: StackOf) -> None:
    prod = stack("prod-azure")
    account = prod.one("azurerm_storage_account", "database-backups_account")["name"]
    container = prod.one("azurerm_storage_container", "database-backups")["name"]
    destination = prod.values("postgres-cluster")["backup"]["destination"]
    assert destination == f"https://{account}.blob.core.windows.net/{container}/postgres"


def test_velero_backs_up_into_its_container_as_its_identity(stack: StackOf) -> None:
    prod = stack("prod-azure")
    values = prod.values("velero")
    account = prod.one("azurerm_storage_account", "cluster-backups_account")["name"]
    (location,) = values["configuration"]["backupStorageLocation"]
    assert location["bucket"] == prod.one("azurerm_storage_container", "cluster-backups")["name"]
    assert location["config"] == {
        "storageAccount": account,
        "storageAccountURI": f"https://{account}.blob.core.windows.net",
        # Else it asks for a key of the account, and keys are off.
        "useAAD": "true",
    }
    assert values["podLabels"] == {"azure.workload.identity/use": "true"}
    identity = "<azurerm_user_assigned_identity.cluster-backups_writer.client_id>"
    server = values["serviceAccount"]["server"]
    assert server == {"name": "velero", "annotations": {"azure.workload.identity/client-id": identity}}

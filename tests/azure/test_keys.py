"""Keys: who reaches them, who may use them, how they are lost."""

from pathlib import Path

import pytest

from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.synthesized import synthesized, with_tier


def test_each_key_has_a_vault_of_its_own(stack: StackOf) -> None:
    prod = stack("prod-azure")
    vaults = {key["key_vault_id"] for key in prod.all("azurerm_key_vault_key")}
    assert len(vaults) == len(prod.all("azurerm_key_vault_key")) == len(prod.all("azurerm_key_vault")) - 1 == 2


@pytest.mark.parametrize("name", ["dev-azure", "prod-azure"])
def test_nobody_can_purge_a_key(stack: StackOf, name: str) -> None:
    for vault in stack(name).each("azurerm_key_vault"):
        assert vault["purge_protection_enabled"] is True, vault.address


def test_only_roles_open_a_vault(stack: StackOf) -> None:
    for vault in stack("prod-azure").each("azurerm_key_vault"):
        assert vault["rbac_authorization_enabled"] is True
        assert vault.get("access_policy") is None


def test_the_disks_vault_admits_the_networks_that_deploy_and_azure_itself(
    stack: StackOf, environments: Environments
) -> None:
    listed = environments.tiers["prod"].clouds.azure.cluster.api_allowed_cidrs
    assert stack("prod-azure").one("azurerm_key_vault", "keys_data_vault")["network_acls"] == {
        "default_action": "Deny",
        "bypass": "AzureServices",
        "ip_rules": [str(cidr) for cidr in listed],
    }


def test_the_control_plane_is_not_shut_out_of_its_vault(stack: StackOf) -> None:
    prod = stack("prod-azure")
    assert prod.one("azurerm_key_vault", "keys_cluster_vault")["network_acls"]["default_action"] == "Allow"
    assert prod.one("azurerm_kubernetes_cluster")["key_management_service"]["key_vault_network_access"] == "Public"


def test_a_key_is_made_when_its_administrators_may(stack: StackOf) -> None:
    prod = stack("prod-azure")
    for key in prod.each("azurerm_key_vault_key"):
        (vault,) = [v for v in prod.all("azurerm_key_vault") if v.address in prod.references(key)]
        rights = prod.referring_to(vault, "azurerm_role_assignment")
        (administrators,) = [r for r in rights if r["role_definition_name"] == "Key Vault Crypto Officer"]
        assert administrators.address in prod.comes_after(key), key.address


def test_disks_follow_a_key_that_rotates(stack: StackOf) -> None:
    prod = stack("prod-azure")
    encryption = prod.one("azurerm_disk_encryption_set")
    assert encryption["auto_key_rotation_enabled"] is True
    assert encryption["key_vault_key_id"] == "${azurerm_key_vault_key.keys_data.versionless_id}"
    assert prod.one("azurerm_key_vault_key", "keys_data")["rotation_policy"]["automatic"]


def test_the_clusters_key_waits_for_a_person_to_rotate_it(stack: StackOf) -> None:
    assert stack("prod-azure").one("azurerm_key_vault_key", "keys_cluster").get("rotation_policy") is None


def test_disks_may_use_their_key_before_the_first_disk(stack: StackOf) -> None:
    prod = stack("prod-azure")
    encryption = prod.one("azurerm_disk_encryption_set")
    assert "azurerm_role_assignment.cluster_disks_key-use" in prod.comes_after(encryption)


def test_production_keeps_a_deleted_key_longer_than_dev(stack: StackOf) -> None:
    days = {
        name: {vault["soft_delete_retention_days"] for vault in stack(name).all("azurerm_key_vault")}
        for name in ("dev-azure", "prod-azure")
    }
    assert days == {"dev-azure": {7}, "prod-azure": {90}}


def test_lifting_protection_frees_everything_and_changes_no_vault(
    stack: StackOf, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    protected = stack("prod-azure")
    unprotected = environments.tiers["prod"].model_copy(update={"protected": False})
    lifted = synthesized("prod-azure", with_tier(environments, unprotected), versions, tmp_path)

    stays = {address for address, r in protected.resources.items() if (r.get("lifecycle") or {}).get("prevent_destroy")}
    assert {"azurerm_key_vault", "azurerm_key_vault_key", "azurerm_kubernetes_cluster"} <= {
        address.split(".")[0] for address in stays
    }
    assert not [a for a, r in lifted.resources.items() if (r.get("lifecycle") or {}).get("prevent_destroy")]
    for vault in lifted.each("azurerm_key_vault"):
        before = protected.resources[vault.address].body
        assert {**vault.body, "lifecycle": None} == {**before, "lifecycle": None}, "a vault's retention cannot change"

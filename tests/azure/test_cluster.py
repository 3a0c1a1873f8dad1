"""AKS: who gets in, what it is encrypted with, what it may do."""

import re
from ipaddress import ip_address, ip_network

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = ["dev", "staging", "prod"]


@pytest.mark.parametrize("tier", TIERS)
def test_the_api_server_admits_listed_networks_and_the_nodes_own_address(
    stack: StackOf, environments: Environments, tier: str
) -> None:
    azure = stack(f"{tier}-azure")
    listed = environments.tiers[tier].clouds.azure.cluster.api_allowed_cidrs
    assert azure.one("azurerm_kubernetes_cluster")["api_server_access_profile"]["authorized_ip_ranges"] == [
        *map(str, listed),
        "${azurerm_public_ip.network_nat-address.ip_address}/32",
    ]
    (gateway,) = azure.referring_to(azure.one("azurerm_public_ip"), "azurerm_nat_gateway_public_ip_association")
    assert azure.one("azurerm_nat_gateway").address in azure.references(gateway)


def test_only_entra_identities_get_in(stack: StackOf, environments: Environments) -> None:
    cluster = stack("prod-azure").one("azurerm_kubernetes_cluster")
    assert cluster["local_account_disabled"] is True
    assert cluster["run_command_enabled"] is False
    assert cluster["azure_active_directory_role_based_access_control"] == {
        "azure_rbac_enabled": True,
        "tenant_id": environments.tiers["prod"].clouds.azure.tenant,
    }


def test_terraform_gets_in_with_a_token_that_is_stored_nowhere(stack: StackOf) -> None:
    prod = stack("prod-azure")
    (kubernetes,) = prod.document["provider"]["kubernetes"]
    (helm,) = prod.document["provider"]["helm"]
    (kubernetes_command,) = kubernetes["exec"]
    assert kubernetes_command["command"] == helm["kubernetes"]["exec"]["command"] == "kubelogin"
    assert not re.search("token|password|client_key|client_certificate", " ".join((*kubernetes, *helm["kubernetes"])))


def test_the_control_plane_may_change_the_nodes_subnet_and_use_two_keys(stack: StackOf) -> None:
    prod = stack("prod-azure")
    identity = prod.one("azurerm_user_assigned_identity", "cluster_control-plane")
    rights = {right["role_definition_name"]: right for right in prod.referring_to(identity, "azurerm_role_assignment")}
    assert {role: right["scope"] for role, right in rights.items()} == {
        "Network Contributor": "${azurerm_subnet.network_nodes.id}",
        "Key Vault Crypto User": "${azurerm_key_vault.keys_cluster_vault.id}",
        "Reader": "${azurerm_disk_encryption_set.cluster_disks.id}",
    }
    before = prod.comes_after(prod.one("azurerm_kubernetes_cluster"))
    assert {right.address for right in rights.values()} <= before


def test_secrets_are_encrypted_by_our_key(stack: StackOf) -> None:
    prod = stack("prod-azure")
    service = prod.one("azurerm_kubernetes_cluster")["key_management_service"]
    assert service["key_vault_key_id"] == "${azurerm_key_vault_key.keys_cluster.id}"


def test_volumes_are_encrypted_by_our_key_and_cannot_be_exported(stack: StackOf) -> None:
    prod = stack("prod-azure")
    volumes = prod.one("kubernetes_storage_class_v1")["parameters"]
    encryption = prod.one("azurerm_disk_encryption_set")
    assert volumes["diskEncryptionSetID"] == f"${{{encryption.address}.id}}"
    assert volumes["networkAccessPolicy"] == "DenyAll"
    assert f"stack={prod.name}" in volumes["tags"].split(",")


def test_every_release_comes_after_nodes_and_the_right_to_install_it(stack: StackOf) -> None:
    prod = stack("prod-azure")
    needed = {
        "azurerm_role_assignment.cluster_deployer-administers",
        "time_sleep.cluster_deployer-administers_holds",
        *(pool.address for pool in prod.each("azurerm_kubernetes_cluster_node_pool")),
    }
    assert prod.releases
    for name, release in prod.releases.items():
        assert needed <= prod.comes_after(release), name


def test_the_administrators_are_the_group_of_the_data(stack: StackOf, environments: Environments) -> None:
    right = stack("prod-azure").one("azurerm_role_assignment", "cluster_deployer-administers")
    assert right["principal_id"] == environments.tiers["prod"].clouds.azure.cluster.admin_group
    assert right["role_definition_name"] == "Azure Kubernetes Service RBAC Cluster Admin"
    assert right["scope"] == "${azurerm_kubernetes_cluster.cluster.id}"


def test_one_engine_moves_packets_and_enforces_policies(stack: StackOf) -> None:
    network = stack("prod-azure").one("azurerm_kubernetes_cluster")["network_profile"]
    assert (network["network_plugin_mode"], network["network_data_plane"], network["network_policy"]) == (
        "overlay",
        "cilium",
        "cilium",
    )


@pytest.mark.parametrize("tier", TIERS)
def test_the_name_server_is_a_service_address_but_not_the_api_servers(stack: StackOf, tier: str) -> None:
    network = stack(f"{tier}-azure").one("azurerm_kubernetes_cluster")["network_profile"]
    services, server = ip_network(network["service_cidr"]), ip_address(network["dns_service_ip"])
    assert server in services
    assert server != services[1], "AKS gives the first address to the API server"


def test_patches_come_in_a_window_that_aks_can_use(stack: StackOf) -> None:
    cluster = stack("prod-azure").one("azurerm_kubernetes_cluster")
    assert (cluster["automatic_upgrade_channel"], cluster["node_os_upgrade_channel"]) == ("patch", "NodeImage")
    for window in ("maintenance_window_auto_upgrade", "maintenance_window_node_os"):
        assert cluster[window]["duration"] >= 4


def test_only_dev_does_without_an_uptime_agreement(stack: StackOf) -> None:
    tiers = {tier: stack(f"{tier}-azure").one("azurerm_kubernetes_cluster")["sku_tier"] for tier in TIERS}
    assert tiers == {"dev": "Free", "staging": "Standard", "prod": "Standard"}


def test_workloads_can_prove_who_they_are(stack: StackOf) -> None:
    cluster = stack("prod-azure").one("azurerm_kubernetes_cluster")
    assert cluster["oidc_issuer_enabled"] is True
    assert cluster["workload_identity_enabled"] is True

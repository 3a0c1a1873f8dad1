"""AKS node pools: labels, sizes, places."""

import re
from typing import Any

import pytest

from portal.azure.nodes import POOL_NAMES, rotation_name
from portal.spec.clouds import NodeGroupName
from portal.spec.loader import Environments
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack

TIERS = ["dev", "staging", "prod"]

GROUPS: dict[str, NodeGroupName] = {
    "system": "system",
    "application": "application",
    "memory-intensive": "memory-optimized",
}
"""The guide's labels and groups ("Cluster Configuration")."""


def pools(stack: SynthesizedStack) -> dict[str, Any]:
    """Every pool's arguments, by the guide's `workload-type`; the system pool is part of the cluster."""
    found = [pool.body for pool in stack.each("azurerm_kubernetes_cluster_node_pool")]
    found.append(stack.one("azurerm_kubernetes_cluster")["default_node_pool"])
    return {pool["node_labels"]["workload-type"]: pool for pool in found}


@pytest.mark.parametrize("tier", TIERS)
def test_pools_have_the_guides_labels_and_the_tiers_sizes(
    stack: StackOf, environments: Environments, tier: str
) -> None:
    found = pools(stack(f"{tier}-azure"))
    sizes = environments.tiers[tier].nodes
    machines = environments.tiers[tier].clouds.azure.nodes
    assert {
        label: (pool["min_count"], pool["max_count"], pool["os_disk_size_gb"], pool["vm_size"])
        for label, pool in found.items()
    } == {
        label: (sizes[group].min, sizes[group].max, sizes[group].disk_gib, machines[group].vm_size)
        for label, group in GROUPS.items()
    }


def test_every_pool_spans_the_zones_inside_the_nodes_subnet(stack: StackOf) -> None:
    for label, pool in pools(stack("prod-azure")).items():
        assert pool["zones"] == ["1", "2", "3"], label
        assert pool["vnet_subnet_id"] == "${azurerm_subnet.network_nodes.id}", label
        assert "node_public_ip_enabled" not in pool, label


def test_the_autoscaler_owns_the_number_of_nodes(stack: StackOf) -> None:
    prod = stack("prod-azure")
    assert all(pool["auto_scaling_enabled"] for pool in pools(prod).values())
    for pool in prod.each("azurerm_kubernetes_cluster_node_pool"):
        assert pool["lifecycle"]["ignore_changes"] == ["node_count"]
    assert prod.one("azurerm_kubernetes_cluster")["lifecycle"]["ignore_changes"] == ["default_node_pool[0].node_count"]


def test_nodes_run_the_control_planes_version(stack: StackOf) -> None:
    prod = stack("prod-azure")
    version = prod.one("azurerm_kubernetes_cluster")["kubernetes_version"]
    assert {pool["orchestrator_version"] for pool in pools(prod).values()} == {version}


def test_a_pool_and_its_stand_in_have_names_that_aks_takes() -> None:
    names = [*POOL_NAMES.values(), *map(rotation_name, POOL_NAMES.values())]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z0-9]{0,11}", name) for name in names), names


def test_a_pool_can_be_resized_in_place(stack: StackOf) -> None:
    for pool in pools(stack("prod-azure")).values():
        assert pool["temporary_name_for_rotation"] == rotation_name(pool["name"])

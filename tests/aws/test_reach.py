"""Who reaches a data store: on its own port the nodes, and nobody by way of another store."""

import pytest

from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

each_tier = pytest.mark.parametrize("name", ["dev-aws", "staging-aws", "prod-aws"])

PORTS = {"aws_db_instance": 5432, "aws_elasticache_replication_group": 6379, "aws_efs_mount_target": 2049}
"""Where clients look for each kind; 2049 is NFS, which has no setting for it."""


def stores_by_group(stack: SynthesizedStack) -> dict[str, list[Resource]]:
    """The stores behind each security group of one."""
    found: dict[str, list[Resource]] = {}
    for store in (resource for type in PORTS for resource in stack.all(type)):
        for address in stack.references(store):
            if address.startswith("aws_security_group."):
                found.setdefault(address, []).append(store)
    assert found
    return found


@each_tier
def test_the_port_that_is_open_is_the_one_on_which_the_store_listens(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for group, stores in stores_by_group(synthesized).items():
        (rule,) = synthesized.referring_to(synthesized.resources[group], "aws_vpc_security_group_ingress_rule")
        for store in stores:
            listens = store.get("port") or PORTS[store.type]
            assert (rule["from_port"], rule["to_port"], rule["ip_protocol"]) == (listens, listens, "tcp"), group


@each_tier
def test_each_store_has_a_group_of_its_own(stack: StackOf, name: str) -> None:
    """Another client of one store is then no client of the others. A reader is its database's."""
    synthesized = stack(name)
    by_group = stores_by_group(synthesized)
    grouped = [store.address for stores in by_group.values() for store in stores]
    assert len(grouped) == len(set(grouped)), "in one group each"
    for group, stores in by_group.items():
        beside = synthesized.resources[group].path.rpartition("/reach/")[0]
        assert beside
        assert all(store.path.startswith(f"{beside}/") for store in stores), f"{group} lets into another store"


@each_tier
def test_a_store_calls_nobody(stack: StackOf, name: str) -> None:
    """Whoever gets a shell out of a database finds no way on from it."""
    synthesized = stack(name)
    for group in stores_by_group(synthesized):
        resource = synthesized.resources[group]
        assert resource.get("egress") is None, group
        assert synthesized.referring_to(resource, "aws_vpc_security_group_egress_rule") == [], group


@each_tier
def test_clients_come_after_the_open_port_and_go_before_it_closes(stack: StackOf, name: str) -> None:
    """A pod that cannot reach a mounted file system any more never lets go of it, nor does its namespace."""
    synthesized = stack(name)
    clients = synthesized.comes_after(synthesized.releases["portal"])
    rules = {
        rule.address
        for group in stores_by_group(synthesized)
        for rule in synthesized.referring_to(synthesized.resources[group], "aws_vpc_security_group_ingress_rule")
    }
    assert rules <= clients

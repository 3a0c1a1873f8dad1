"""What machines hold, against figures that AWS publishes."""

import pytest

from portal.errors import PortalError
from portal.preflight.machines import Machine, known_machines, machine, node_groups
from portal.preflight.stack import AwsStack
from portal.spec.loader import Environments


@pytest.mark.parametrize(
    ("type", "vcpus", "interfaces", "addresses"),
    [("m7i.large", 2, 3, 10), ("m7i.xlarge", 4, 4, 15), ("t3.small", 2, 3, 4), ("m5.24xlarge", 96, 15, 50)],
)
def test_machines_are_as_aws_describes_them(type: str, vcpus: int, interfaces: int, addresses: int) -> None:
    assert known_machines()[type] == Machine(vcpus=vcpus, interfaces=interfaces, addresses=addresses)


def test_all_machines_count_towards_the_quota_of_standard_ones() -> None:
    """Others, such as those with GPUs, have quotas of their own."""
    assert {type[0] for type in known_machines()} <= set("acdhimrtz")


def test_every_machine_of_the_committed_data_is_known(environments: Environments) -> None:
    for environment in environments.tiers.values():
        for nodes in environment.clouds.aws.nodes.values():
            assert nodes.instance_type in known_machines()


def test_a_full_node_takes_whole_blocks_and_one_more() -> None:
    """110 pods are seven blocks; an eighth is held ready, and the interface that has them has an address itself."""
    assert known_machines()["m7i.large"].pod_addresses(prefixes=True, apart=True) == 8 * 16 + 1
    # On the first interface, whose address is the node's.
    assert known_machines()["m7i.large"].pod_addresses(prefixes=True, apart=False) == 8 * 16


def test_a_large_machine_may_have_250_pods() -> None:
    assert known_machines()["m7i.8xlarge"].pod_addresses(prefixes=True, apart=True) == 17 * 16 + 1


def test_a_small_machine_has_no_room_for_so_many_blocks() -> None:
    # Two interfaces for pods, with three slots each.
    assert known_machines()["t3.small"].pod_addresses(prefixes=True, apart=True) == 6 * 16 + 2


def test_without_blocks_a_full_node_takes_whole_interfaces() -> None:
    assert known_machines()["m7i.large"].pod_addresses(prefixes=False, apart=False) == 3 * 10 - 1
    assert known_machines()["m7i.large"].pod_addresses(prefixes=False, apart=True) == 2 * 10


def test_a_machine_that_nobody_wrote_down_is_named(prod: AwsStack) -> None:
    group = next(prod.all("aws_eks_node_group"))
    with pytest.raises(
        PortalError, match=r"cluster_nodes_application has machines of type x9\.tiny, which .*machines\.yaml"
    ):
        machine("x9.tiny", of=group)


def test_a_group_that_is_replaced_grows_by_what_eks_adds(prod: AwsStack) -> None:
    surges = {group.name: (group.max, group.surge) for group in node_groups(prod)}
    # A third of 20 is more than twice the three zones; of 6 and 10 it is not.
    assert surges == {"application": (20, 7), "memory-optimized": (10, 6), "system": (6, 6)}


def test_with_a_zone_out_the_others_hold_all(prod: AwsStack) -> None:
    most = {group.name: group.most_in_a_zone for group in node_groups(prod)}
    assert most == {"application": 10, "memory-optimized": 6, "system": 4}

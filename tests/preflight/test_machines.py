"""What machines hold, against figures that AWS publishes."""

import pytest

from portal.errors import PortalError
from portal.preflight.machines import known_machines, machine, node_groups
from portal.preflight.stack import AwsStack
from portal.spec.loader import Environments
from tests.preflight.conftest import changed


@pytest.mark.parametrize(
    ("type", "vcpus", "pods"),
    # amazon-eks-ami, eni-max-pods.txt; EC2 instance types guide.
    [("m7i.large", 2, 29), ("m7i.xlarge", 4, 58), ("r7i.xlarge", 4, 58), ("t3.small", 2, 11), ("m5.24xlarge", 96, 737)],
)
def test_vcpus_and_pods_are_those_of_aws(type: str, vcpus: int, pods: int) -> None:
    known = known_machines()[type]
    assert (known.vcpus, known.pods) == (vcpus, pods)


def test_every_machine_of_the_committed_data_is_known(environments: Environments) -> None:
    for environment in environments.tiers.values():
        for nodes in environment.clouds.aws.nodes.values():
            assert nodes.instance_type in known_machines()


def test_a_full_node_takes_whole_blocks_and_one_more() -> None:
    # 29 pods are two blocks; a third is held ready, and the second interface has an address itself.
    assert known_machines()["m7i.large"].pod_addresses(prefixes=True, apart=True) == 3 * 16 + 1
    # On the first interface, whose address is the node's.
    assert known_machines()["m7i.large"].pod_addresses(prefixes=True, apart=False) == 3 * 16


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


def test_of_several_machine_types_the_largest_counts(prod: AwsStack) -> None:
    def larger(resources: dict[str, dict[str, dict[str, list[str]]]]) -> None:
        resources["aws_eks_node_group"]["cluster_nodes_system"]["instance_types"] = ["m7i.large", "m7i.4xlarge"]

    (system,) = [group for group in node_groups(changed(prod, larger)) if group.name == "system"]
    assert system.machine.vcpus == 16

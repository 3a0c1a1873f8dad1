"""Node groups: the guide's three, sized by tier, hardened the same."""

import pytest

from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", TIERS)
def test_groups_have_the_guides_labels_and_the_tiers_sizes(
    stack: StackOf, name: str, environments: Environments
) -> None:
    environment = environments.tiers[name.partition("-")[0]]
    synthesized = stack(name)
    groups = {group["node_group_name"]: group for group in synthesized.all("aws_eks_node_group")}
    assert {group: body["labels"]["workload-type"] for group, body in groups.items()} == {
        "system": "system",
        "application": "application",
        "memory-optimized": "memory-intensive",
    }
    for group, body in groups.items():
        wanted = environment.nodes[group]
        scaling = body["scaling_config"]
        assert (scaling["min_size"], scaling["max_size"]) == (wanted.min, wanted.max)
        assert body["ami_type"].startswith("AL2023_ARM_64" if wanted.architecture == "arm64" else "AL2023_x86_64")
        (template,) = [t for t in synthesized.all("aws_launch_template") if t.address in synthesized.references(body)]
        assert template["block_device_mappings"][0]["ebs"]["volume_size"] == wanted.disk_gib
        assert template["instance_type"] == environment.clouds.aws.nodes[group].instance_type


def test_production_sizes_are_the_guides_and_a_node_for_each_instance(stack: StackOf) -> None:
    groups = {
        group["node_group_name"]: group["scaling_config"] for group in stack("prod-aws").all("aws_eks_node_group")
    }
    sizes = {name: (scaling["min_size"], scaling["max_size"]) for name, scaling in groups.items()}
    assert sizes == {"system": (3, 6), "application": (6, 20), "memory-optimized": (3, 10)}


def test_the_autoscaler_owns_the_count(stack: StackOf) -> None:
    for group in stack("prod-aws").each("aws_eks_node_group"):
        assert group["lifecycle"]["ignore_changes"] == ["scaling_config[0].desired_size"]


@pytest.mark.parametrize("name", TIERS)
def test_pods_cannot_take_the_nodes_credentials_and_disks_are_encrypted(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    templates = synthesized.all("aws_launch_template")
    assert len(templates) == 3
    for template in templates:
        options = template["metadata_options"]
        assert (options["http_tokens"], options["http_put_response_hop_limit"]) == ("required", 1)
        (disk,) = template["block_device_mappings"]
        assert disk["device_name"] == "/dev/xvda", "the root of Amazon Linux; another name adds a disk beside it"
        assert disk["ebs"]["encrypted"] == "true"
        assert disk["ebs"]["delete_on_termination"] == "true"
        assert "aws_kms_key.keys_data" in synthesized.references(template)
        assert len(synthesized.referring_to(template, "aws_eks_node_group")) == 1


@pytest.mark.parametrize("name", TIERS)
def test_what_auto_scaling_makes_carries_the_tags(stack: StackOf, name: str) -> None:
    for template in stack(name).each("aws_launch_template"):
        tagged = {spec["resource_type"]: spec["tags"] for spec in template["tag_specifications"]}
        assert set(tagged) == {"instance", "volume", "network-interface"}
        assert all(tags["stack"] == name for tags in tagged.values())


def test_nodes_live_in_private_subnets(stack: StackOf) -> None:
    prod = stack("prod-aws")
    for group in prod.each("aws_eks_node_group"):
        subnets = {address for address in prod.references(group) if address.startswith("aws_subnet.")}
        assert subnets == {f"aws_subnet.network_nodes-{letter}" for letter in "abc"}


def test_a_new_template_version_shows_in_the_plan(stack: StackOf) -> None:
    for group in stack("prod-aws").each("aws_eks_node_group"):
        assert group["launch_template"]["version"].endswith(".latest_version}")


@pytest.mark.parametrize("name", TIERS)
def test_nodes_and_their_pods_stay_in_the_clusters_group_beside_their_own(stack: StackOf, name: str) -> None:
    """A launch template's groups replace EKS's own, through which the API server reaches nodes and webhooks."""
    synthesized = stack(name)
    groups = [
        "${aws_eks_cluster.cluster.vpc_config[0].cluster_security_group_id}",
        "${aws_security_group.cluster_members.id}",
    ]
    for template in synthesized.each("aws_launch_template"):
        assert template["vpc_security_group_ids"] == groups
    pods = synthesized.resources["aws_eks_addon.cluster_vpc-cni"]["configuration_values"]
    assert all(pods.count(group[2:-1]) == 3 for group in groups), "a zone's pods each"


@pytest.mark.parametrize("name", TIERS)
def test_another_machine_or_version_rolls_the_nodes_and_replaces_no_group(
    stack: StackOf, name: str, environments: Environments, versions: Versions
) -> None:
    """A group that goes takes the only nodes that its pods accept with it."""
    for group in stack(name).each("aws_eks_node_group"):
        assert "instance_types" not in group.body, "as the group's own it forces a new group"
        assert group["version"] == versions.kubernetes.version, "or nodes stay what they were on their first day"
        kept = environments.tiers[name.removesuffix("-aws")].protected
        assert group["lifecycle"]["prevent_destroy"] is kept

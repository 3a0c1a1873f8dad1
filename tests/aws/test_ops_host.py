"""The ops host: no way in but Systems Manager, nothing that it may do, and asleep at night."""

from pathlib import Path

import pytest

from portal.preflight.prerequisites import of_environment
from portal.preflight.stack import AwsStack
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.aws.policies import document, statements
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack, synthesized, with_tier


@pytest.fixture
def prod(stack: StackOf) -> SynthesizedStack:
    return stack("prod-aws")


def test_production_alone_has_one(stack: StackOf) -> None:
    assert stack("dev-aws").all("aws_instance") == stack("staging-aws").all("aws_instance") == []
    assert len(stack("prod-aws").all("aws_instance")) == 1


def test_nobody_comes_in_by_the_network(prod: SynthesizedStack) -> None:
    host, group = prod.one("aws_instance"), prod.one("aws_security_group", "ops-host_group")
    assert prod.references(host) >= {group.address}
    rules = prod.referring_to(group, "aws_vpc_security_group_ingress_rule")
    assert [rule["security_group_id"] for rule in rules if group.address in rule["security_group_id"]] == []
    assert host["associate_public_ip_address"] is False
    assert host.get("key_name") is None


def test_only_the_api_server_lets_it_in(prod: SynthesizedStack) -> None:
    group = prod.one("aws_security_group", "ops-host_group")
    (rule,) = prod.referring_to(group, "aws_vpc_security_group_ingress_rule")
    assert "cluster_security_group_id" in rule["security_group_id"]
    assert (rule["from_port"], rule["to_port"]) == (443, 443)


def test_its_credentials_and_its_disk_are_guarded(prod: SynthesizedStack) -> None:
    host = prod.one("aws_instance")
    assert host["metadata_options"]["http_tokens"] == "required"
    assert host["metadata_options"]["http_put_response_hop_limit"] == 1
    assert host["root_block_device"]["encrypted"] is True
    assert "aws_kms_key.keys_data" in prod.references(host)


def test_it_may_do_nothing_but_be_reached(prod: SynthesizedStack) -> None:
    role = prod.one("aws_iam_role", "ops-host_role")
    (attached,) = prod.referring_to(role, "aws_iam_role_policy_attachment")
    assert attached["policy_arn"].endswith("/AmazonSSMManagedInstanceCore")
    assert prod.referring_to(role, "aws_iam_role_policy") == []
    assert prod.referring_to(role, "aws_eks_access_entry") == []


def test_it_hibernates_in_the_evening_and_wakes_on_working_days(prod: SynthesizedStack) -> None:
    host = prod.one("aws_instance")
    assert host["hibernation"] is True
    schedules = {s.address.rsplit("_", 1)[1]: s for s in prod.referring_to(host, "aws_scheduler_schedule")}
    targets = {name: each["target"] for name, each in schedules.items()}
    assert targets["wakes"]["arn"].endswith(":ec2:startInstances")
    assert targets["sleeps"]["arn"].endswith(":ec2:stopInstances")
    assert document(targets["sleeps"]["input"])["Hibernate"] is True
    assert all(each["schedule_expression"].endswith(" MON-FRI *)") for each in schedules.values())
    role = prod.one("aws_iam_role", "ops-host_caller")
    (policy,) = prod.referring_to(role, "aws_iam_role_policy")
    (power,) = [each for each in statements(policy["policy"]) if "ec2:StopInstances" in each["Action"]]
    assert power["Resource"] == f"{host.address}.arn"


def test_a_new_image_replaces_nobody_in_the_middle_of_a_session(prod: SynthesizedStack) -> None:
    assert prod.one("aws_instance")["lifecycle"]["ignore_changes"] == ["ami"]


def test_an_api_that_lists_nobody_has_no_public_address(
    environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    prod = environments.tiers["prod"]
    cluster = prod.clouds.aws.cluster.model_copy(update={"api_allowed_cidrs": ()})
    clouds = prod.clouds.model_copy(update={"aws": prod.clouds.aws.model_copy(update={"cluster": cluster})})
    environment = prod.model_copy(update={"clouds": clouds})
    private = synthesized("prod-aws", with_tier(environments, environment), versions, tmp_path)
    config = private.one("aws_eks_cluster")["vpc_config"]
    assert (config["endpoint_private_access"], config["endpoint_public_access"]) == (True, False)
    assert "public_access_cidrs" not in config
    needed = of_environment(AwsStack("prod-aws", private.document), environment)
    (said,) = [each.what for each in needed if "no public address" in each.what]
    assert said.startswith("the deploy runs inside the network")

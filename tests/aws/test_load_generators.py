"""Fargate for the load test: its namespace alone, and out of it a way to the load balancer alone."""

import pytest

from portal.kubernetes.loadtest import METRICS_PORT, WORKERS_PORT
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from portal.spec.workloads import Image, LoadTest, Resources
from tests.aws.policies import document, statements
from tests.charts.rendering import render
from tests.conftest import StackOf
from tests.kubernetes.test_load_test import staging_with
from tests.synthesized import Resource, SynthesizedStack

GROUP = "aws_security_group.load-generators_group"
CLUSTER = "cluster_security_group_id"
BALANCER = "aws_security_group.load-balancer_group"


@pytest.fixture
def staging(stack: StackOf) -> SynthesizedStack:
    return stack("staging-aws")


def rules(stack: SynthesizedStack, direction: str, *, of: str = GROUP) -> list[Resource]:
    every = stack.all(f"aws_vpc_security_group_{direction}_rule")
    return [rule for rule in every if of in rule["security_group_id"]]


def at(stack: SynthesizedStack, peer: str) -> list[Resource]:
    """What `peer` lets in from the load generators."""
    admitted = rules(stack, "ingress", of=peer)
    return [rule for rule in admitted if GROUP in str(rule.get("referenced_security_group_id"))]


def test_staging_has_them_where_load_tests_are_run(stack: StackOf) -> None:
    assert len(stack("staging-aws").all("aws_eks_fargate_profile")) == 1
    assert stack("dev-aws").all("aws_eks_fargate_profile") == stack("prod-aws").all("aws_eks_fargate_profile") == []


def test_they_take_the_pods_of_the_load_test_alone_in_private_subnets(staging: SynthesizedStack) -> None:
    profile = staging.one("aws_eks_fargate_profile")
    assert profile["selector"] == [{"namespace": "loadtest"}]
    subnets = {address for address in staging.references(profile) if address.startswith("aws_subnet.")}
    assert subnets == {f"aws_subnet.network_pods-{zone}" for zone in "abc"}


def test_their_group_leads_to_the_load_balancer_and_to_what_a_pod_needs_to_start(staging: SynthesizedStack) -> None:
    ways = {
        (
            str(rule.get("referenced_security_group_id") or rule.get("prefix_list_id")).strip("${}").rpartition(".")[0],
            rule["ip_protocol"],
            rule["from_port"],
        )
        for rule in rules(staging, "egress")
    }
    cluster = next(peer for peer, _, port in ways if port == 53)
    assert cluster.startswith("aws_eks_cluster.cluster.")
    assert ways == {
        (BALANCER, "tcp", 443),
        (cluster, "udp", 53),
        (cluster, "tcp", 53),
        (cluster, "tcp", 443),
        ("aws_security_group.endpoints_group", "tcp", 443),
        ("aws_vpc_endpoint.endpoints_s3", "tcp", 443),
        (GROUP, "tcp", WORKERS_PORT),
    }
    assert all(rule.get("cidr_ipv4") is None for rule in rules(staging, "egress"))


def test_nobody_gets_in_but_the_cluster_and_they_themselves(staging: SynthesizedStack) -> None:
    ways = {(rule["from_port"], CLUSTER in rule["referenced_security_group_id"]) for rule in rules(staging, "ingress")}
    assert ways == {(WORKERS_PORT, False), (10250, True), (METRICS_PORT, True)}


def test_who_they_go_to_lets_them_in(staging: SynthesizedStack) -> None:
    (at_balancer,) = at(staging, BALANCER)
    assert at_balancer["from_port"] == 443
    at_cluster = {(rule["ip_protocol"], rule["from_port"]) for rule in at(staging, CLUSTER)}
    assert at_cluster == {("udp", 53), ("tcp", 53), ("tcp", 443)}


def test_inside_the_vpc_the_portals_name_is_the_load_balancers(
    staging: SynthesizedStack, environments: Environments
) -> None:
    zone = staging.one("aws_route53_zone", "load-generators_zone")
    assert zone["name"] == environments.tiers["staging"].portal.domain
    assert "aws_vpc.network" in staging.references(zone), "a zone without a VPC is a public one"
    (record,) = staging.referring_to(zone, "aws_route53_record")
    assert record["name"] == zone["name"]
    assert "aws_lb.load-balancer" in staging.references(record)


def test_their_role_is_assumed_for_profiles_of_this_cluster_and_writes_one_log(staging: SynthesizedStack) -> None:
    role = staging.one("aws_iam_role", "load-generators_role")
    (trusted,) = document(role["assume_role_policy"])["Statement"]
    assert trusted["Principal"] == {"Service": "eks-fargate-pods.amazonaws.com"}
    assert ":fargateprofile/" in trusted["Condition"]["ArnLike"]["aws:SourceArn"]
    (policy,) = staging.referring_to(role, "aws_iam_role_policy")
    (allowed,) = statements(policy["policy"])
    assert {action.partition(":")[0] for action in allowed["Action"]} == {"logs"}
    assert "aws_cloudwatch_log_group.load-generators_logs" in allowed["Resource"]
    attached = staging.referring_to(role, "aws_iam_role_policy_attachment")
    assert [each["policy_arn"].rpartition("/")[2] for each in attached] == ["AmazonEKSFargatePodExecutionRolePolicy"]


def test_their_output_goes_into_that_log_by_the_settings_where_fargate_looks(staging: SynthesizedStack) -> None:
    settings = staging.one("kubernetes_config_map_v1")
    assert settings["metadata"]["name"] == "aws-logging"
    namespace = staging.one("kubernetes_namespace_v1", "platform_namespaces_aws-observability")
    assert namespace["metadata"]["labels"]["aws-observability"] == "enabled"
    assert namespace.address in staging.comes_after(settings)
    log = staging.one("aws_cloudwatch_log_group", "load-generators_logs")
    output = settings["data"]["output.conf"]
    assert f"    log_group_name {log['name']}\n" in output
    assert "auto_create_group false" in output, "or the role would need the right, and the log no end"


@pytest.fixture(scope="module")
def asked(environments: Environments, versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> SynthesizedStack:
    """staging-aws with a load test whose image lies in ECR."""
    image = Image(
        repository="111111111111.dkr.ecr.eu-west-1.amazonaws.com/portal/loadtest", digest=f"sha256:{'0' * 64}"
    )
    test = LoadTest(image=image, workers=3, resources=Resources(cpu="1", memory="1Gi"))
    return staging_with(test, environments, versions, tmp_path_factory.mktemp("load-generators"))


def test_the_pods_of_a_load_test_carry_the_group_and_come_after_all_that_takes_them(asked: SynthesizedStack) -> None:
    release = asked.releases["loadtest"]
    assert GROUP in str(asked.values("loadtest")["network"]["securityGroup"])
    before = asked.comes_after(release)
    assert {asked.one("aws_eks_fargate_profile").address, asked.one("kubernetes_config_map_v1").address} <= before
    values = asked.values("loadtest")
    rendered = render("loadtest", {**values, "network": {**values["network"], "securityGroup": "sg-1"}})
    policy = rendered.one("SecurityGroupPolicy")
    assert policy["spec"]["securityGroups"]["groupIds"] == ["sg-1"]
    for job in rendered.all("Job"):
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()

"""The load balancer: who reaches it, whom it reaches, and that pods join it by nobody's back."""

import pytest

from portal.aws.load_balancer import DEREGISTRATION_SECONDS, may_join
from portal.kubernetes.mesh import REQUEST_TIMEOUT_SECONDS
from portal.spec.loader import Environments
from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.kubernetes.rendered import namespaces, placed
from tests.synthesized import Resource, SynthesizedStack

STACKS = ("dev-aws", "staging-aws", "prod-aws")
each_stack = pytest.mark.parametrize("name", STACKS)


@each_stack
def test_it_is_inside_the_network_and_nothing_of_it_is_open_to_everybody(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert synthesized.one("aws_lb")["internal"] is True
    # Nothing else of an environment may face the internet.
    assert len(synthesized.all("aws_lb")) == 1
    for group in synthesized.each("aws_security_group"):
        assert group.get("ingress") is None, f"{group.address} has rules that this test does not see"
    for rule in synthesized.each("aws_vpc_security_group_ingress_rule"):
        assert not str(rule.get("cidr_ipv4")).endswith("/0"), rule.address
        assert not str(rule.get("cidr_ipv6")).endswith("/0"), rule.address


@each_stack
def test_it_reaches_the_gateways_ports_and_pods_admit_it_there_alone(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    group = synthesized.one("aws_security_group", "load-balancer_group")
    rules = synthesized.referring_to(group, "aws_vpc_security_group_egress_rule")
    out = [rule for rule in rules if rule["security_group_id"] == f"${{{group.address}.id}}"]
    assert {(r["from_port"], r["to_port"]) for r in out} == {(8443, 8443), (15021, 15021)}
    at_pods = [rule for rule in admitting(synthesized, group) if rule not in admitted_by(synthesized, group)]
    assert {(r["from_port"], r["to_port"]) for r in at_pods} == {(8443, 8443), (15021, 15021)}
    for rule in at_pods:
        assert rule["referenced_security_group_id"] == f"${{{group.address}.id}}"
        assert "aws_eks_cluster.cluster" in synthesized.references(rule)


def admitting(stack: SynthesizedStack, group: Resource) -> list[Resource]:
    """Rules that have to do with a group: its own, and those of others that name it."""
    return stack.referring_to(group, "aws_vpc_security_group_ingress_rule")


def admitted_by(stack: SynthesizedStack, group: Resource) -> list[Resource]:
    return [rule for rule in admitting(stack, group) if rule["security_group_id"] == f"${{{group.address}.id}}"]


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_behind_the_edge_it_admits_cloudfronts_servers_and_the_load_test_alone(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    (servers,) = [d for d in synthesized.data_sources.values() if d.type == "aws_ec2_managed_prefix_list"]
    assert servers["name"] == "com.amazonaws.global.cloudfront.origin-facing"
    rules = admitted_by(synthesized, synthesized.one("aws_security_group", "load-balancer_group"))
    sources = {rule.get("prefix_list_id") or rule["referenced_security_group_id"] for rule in rules}
    generators = {
        f"${{{each.address}.id}}" for each in synthesized.all("aws_security_group") if "load-gen" in each.path
    }
    assert sources == {f"${{{servers.address}.id}}"} | generators
    # The list counts as 55 rules, and 60 fit: a second port would be refused.
    assert {(rule["from_port"], rule["to_port"]) for rule in rules} == {(443, 443)}


def test_without_an_edge_it_admits_its_network_pods_and_the_networks_of_the_data(
    stack: StackOf, environments: Environments
) -> None:
    """A load test's pods have addresses of their own range, and keep them inside the VPC."""
    dev = stack("dev-aws")
    aws = environments.tiers["dev"].clouds.aws
    clients = [str(cidr) for cidr in (aws.network.cidr, aws.network.pod_cidr, *aws.portal_allowed_cidrs)]
    assert len(clients) > 2
    rules = admitted_by(dev, dev.one("aws_security_group", "load-balancer_group"))
    found = sorted((rule["from_port"], rule["cidr_ipv4"]) for rule in rules)
    assert found == sorted((port, client) for port in (80, 443) for client in clients)


@each_stack
def test_the_gateways_pods_are_its_targets_on_the_port_where_they_listen(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    target = synthesized.one("aws_lb_target_group")
    ports = {port["name"]: port["port"] for port in synthesized.values("gateway")["service"]["ports"]}
    assert (target["target_type"], target["protocol"], target["port"]) == ("ip", "HTTPS", ports["https"])
    assert (target["health_check"]["port"], target["health_check"]["path"]) == (
        str(ports["status-port"]),
        "/healthz/ready",
    )
    (binding,) = placed(synthesized, "TargetGroupBinding")
    assert binding.spec["serviceRef"] == {"name": "gateway", "port": ports["https"]}
    assert binding.spec["targetType"] == "ip"
    # With it the controller would edit security groups behind Terraform.
    assert "networking" not in binding.spec
    assert synthesized.values("mesh")["targetGroup"] == f"<{target.address}.arn>"


@each_stack
def test_a_rollout_loses_no_request(stack: StackOf, name: str) -> None:
    """A pod is ready when the load balancer sends to it, and stays until it sends no more."""
    synthesized = stack(name)
    assert namespaces(synthesized)["istio-ingress"]["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"
    grace = synthesized.values("gateway")["terminationGracePeriodSeconds"]
    assert int(synthesized.one("aws_lb_target_group")["deregistration_delay"]) == DEREGISTRATION_SECONDS < grace


@each_stack
def test_plain_requests_are_sent_to_https_which_speaks_nothing_older_than_tls_1_2(stack: StackOf, name: str) -> None:
    listeners = {listener["port"]: listener for listener in stack(name).all("aws_lb_listener")}
    assert listeners[443]["ssl_policy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    (redirect,) = listeners[80]["default_action"]
    assert redirect["redirect"] == {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"}
    assert stack(name).one("aws_lb")["drop_invalid_header_fields"] is True


@each_stack
def test_the_certificate_is_proved_in_the_zone_of_the_portals_name(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    domain = environments.tiers[name.partition("-")[0]].portal.domain
    (zone,) = (z for z in synthesized.data_sources.values() if z.type == "aws_route53_zone")
    assert (zone["name"], zone["private_zone"]) == (domain, False)
    for certificate in synthesized.each("aws_acm_certificate"):
        assert certificate["domain_name"] == domain
    proof = synthesized.one("aws_route53_record", "load-balancer_certificate-proof")
    assert zone.address in synthesized.references(proof)
    https = synthesized.one("aws_lb_listener", "load-balancer_https")
    assert "aws_acm_certificate_validation.load-balancer_certificate-proved" in synthesized.references(https)


@each_stack
def test_the_controller_may_join_pods_to_this_group_and_change_nothing_else(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    policy = synthesized.one("aws_iam_role_policy", "target-controller_role_rights")
    writing = [s for s in statements(policy["policy"]) if not all("Describe" in action for action in s["Action"])]
    assert [s["Resource"] for s in writing] == ["aws_lb_target_group.load-balancer_gateway.arn"]
    (association,) = (
        a
        for a in synthesized.all("aws_eks_pod_identity_association")
        if a["service_account"] == "aws-load-balancer-controller"
    )
    assert association["namespace"] == "load-balancing"


def test_everything_that_is_not_narrowed_to_the_group_only_reads() -> None:
    for statement in may_join("arn:x"):
        if statement["Resource"] == "*":
            assert all(action.partition(":")[2].startswith("Describe") for action in statement["Action"])


@each_stack
def test_pods_leave_the_group_before_the_controller_goes(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    pause = synthesized.one("time_sleep", "platform_targets-gone")
    assert int(pause["destroy_duration"].removesuffix("s")) >= 30
    assert pause.address in synthesized.comes_after(synthesized.releases["mesh"])
    assert synthesized.releases["aws-load-balancer-controller"].address in synthesized.references(pause)


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_what_was_asked_is_written_down_where_its_policy_lets_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    balancer = synthesized.one("aws_lb")
    bucket = synthesized.one("aws_s3_bucket", "access-logs")
    logs = balancer["access_logs"]
    assert (logs["bucket"], logs["enabled"]) == (bucket["bucket"], True)
    (policy,) = synthesized.referring_to(bucket, "aws_s3_bucket_policy")
    (statement,) = (s for s in statements(policy["policy"]) if s["Sid"] == "LoadBalancerLogs")
    assert f"/{logs['prefix']}/AWSLogs/" in statement["Resource"]
    # It is tried when the load balancer is made.
    assert policy.address in synthesized.comes_after(balancer)


@pytest.mark.parametrize(("name", "protected"), [("dev-aws", False), ("staging-aws", True), ("prod-aws", True)])
def test_it_is_kept_where_the_environment_is_protected(stack: StackOf, name: str, protected: bool) -> None:
    assert stack(name).one("aws_lb")["enable_deletion_protection"] is protected


@each_stack
def test_the_gateway_gives_up_before_the_load_balancer_does(stack: StackOf, name: str) -> None:
    """Its answer says what happened; the load balancer's would be a bare 504."""
    assert stack(name).one("aws_lb")["idle_timeout"] > REQUEST_TIMEOUT_SECONDS

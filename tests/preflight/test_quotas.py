"""What the committed environments take of the account's quotas."""

from typing import Any

import pytest

from portal.errors import PortalError
from portal.preflight.quotas import Demand, demands, known_quotas
from portal.preflight.stack import AwsStack, Place
from tests.conftest import StackOf
from tests.preflight.conftest import changed, resource

Resources = dict[str, Any]

HOME = Place(account="333333333333", region="eu-west-1")


def demand(stack: AwsStack, name: str, place: Place = HOME) -> Demand:
    found = {(each.quota.name, each.place): each for each in demands(stack)}
    return found[name, place]


def test_each_quota_stands_once() -> None:
    codes = [(quota.service, quota.code, quota.name) for quota in known_quotas().quotas]
    assert len(set(codes)) == len(codes)
    raised = [quota.code for quota in known_quotas().quotas if quota.code]
    assert len(set(raised)) == len(raised)


def test_vcpus_are_those_of_all_groups_at_their_largest_and_of_replacing_them(prod: AwsStack) -> None:
    found = demand(prod, "vCPUs of On-Demand Standard instances")
    nodes, surge, ops_host = 20 * 8 + 10 * 4 + 6 * 2, 7 * 8 + 6 * 4 + 6 * 2, 2
    assert found.amount == nodes + surge + ops_host
    assert found.above_default
    assert f"{surge} more while nodes are replaced" in found.reason


def test_a_machine_of_its_own_counts_too(prod: AwsStack) -> None:
    def host(resources: Resources) -> None:
        resources["aws_instance"]["second"] = resource("second/Default", instance_type="t4g.small")

    name = "vCPUs of On-Demand Standard instances"
    with_host = demand(changed(prod, host), name)
    assert with_host.amount == demand(prod, name).amount + 2
    assert with_host.reason.endswith("second 2")


def test_the_list_of_cloudfront_fills_a_security_group(prod: AwsStack) -> None:
    found = demand(prod, "rules of one security group")
    assert (found.amount, found.reason) == (55, "ingress of load-balancer_group")
    assert not found.above_default


def test_twice_that_list_does_not_fit(prod: AwsStack) -> None:
    """What happened when port 80 was open to the edge as well: the deploy fails half-way."""

    def on_both_ports(resources: Resources) -> None:
        rules = resources["aws_vpc_security_group_ingress_rule"]
        rules["twice"] = rules["load-balancer_from-edge"] | {"from_port": 80, "to_port": 80}

    assert demand(changed(prod, on_both_ports), "rules of one security group").above_default


def test_a_list_of_unknown_weight_is_named(prod: AwsStack) -> None:
    document = dict(prod.document)
    lists = {"load-balancer_edge-servers": {"name": "com.amazonaws.eu-west-1.ground-station"}}
    document["data"] = document["data"] | {"aws_ec2_managed_prefix_list": lists}
    with pytest.raises(PortalError, match=r"from-edge names prefix list com\.amazonaws\.eu-west-1\.ground-station"):
        demands(AwsStack("prod-aws", document))


def test_what_reserves_concurrency_needs_more_than_a_new_account_has(prod: AwsStack) -> None:
    found = demand(prod, "concurrent executions")
    reserved = sum(function.body["reserved_concurrent_executions"] for function in prod.all("aws_lambda_function"))
    assert reserved
    assert found.amount == reserved + 100
    assert found.above_default


def test_what_reserves_none_fits_into_a_new_account(prod: AwsStack) -> None:
    def unreserved(resources: Resources) -> None:
        for function in resources["aws_lambda_function"].values():
            del function["reserved_concurrent_executions"]

    assert not demand(changed(prod, unreserved), "concurrent executions").above_default


def test_nat_gateways_count_by_zone_and_their_addresses_together(prod: AwsStack) -> None:
    assert demand(prod, "NAT gateways in one zone").amount == 1
    assert demand(prod, "Elastic IP addresses").amount == 3


def test_endpoints_count_by_kind(prod: AwsStack) -> None:
    def endpoints(resources: Resources) -> None:
        vpc = {"vpc_id": "${aws_vpc.network.id}"}
        resources["aws_vpc_endpoint"] = {
            "storage": resource("endpoints/storage", **vpc, service_name="com.amazonaws.eu-west-1.s3"),
            "tokens": resource("endpoints/tokens", **vpc, vpc_endpoint_type="Interface"),
            "logs": resource("endpoints/logs", **vpc, vpc_endpoint_type="Interface"),
        }

    # Without those of the stack itself, whichever it has.
    def only(resources: Resources) -> None:
        resources.pop("aws_vpc_endpoint", None)
        endpoints(resources)

    stack = changed(prod, only)
    assert demand(stack, "interface endpoints of one VPC").amount == 2
    assert demand(stack, "gateway endpoints").amount == 1


def test_each_region_has_quotas_of_its_own(prod: AwsStack) -> None:
    name = "resource policies of CloudWatch Logs"
    by_region = {
        place: demand(prod, name, Place(account=HOME.account, region=place)).amount
        for place in ("eu-west-1", "us-east-1")
    }
    assert sum(by_region.values()) == len(list(prod.all("aws_cloudwatch_log_resource_policy")))
    assert all(by_region.values())


def test_global_services_keep_theirs_in_one_region_and_count_all_together(prod: AwsStack) -> None:
    def elsewhere(resources: Resources) -> None:
        next(iter(resources["aws_iam_role"].values()))["region"] = "eu-central-1"

    everywhere = len(list(prod.all("aws_iam_role")))
    for each in (prod, changed(prod, elsewhere)):
        assert demand(each, "roles", Place(account=HOME.account, region="us-east-1")).amount == everywhere


def test_databases_count_as_large_as_they_may_grow(prod: AwsStack) -> None:
    databases = list(prod.all("aws_db_instance"))
    found = demand(prod, "storage of DB instances, GiB")
    assert found.amount == sum(database.body["max_allocated_storage"] for database in databases)


def test_a_replica_that_may_not_grow_is_as_large_as_what_it_follows(prod: AwsStack) -> None:
    def fixed(resources: Resources) -> None:
        for database in resources["aws_db_instance"].values():
            del database["max_allocated_storage"]

    first = next(prod.all("aws_db_instance")).body["allocated_storage"]
    assert demand(changed(prod, fixed), "storage of DB instances, GiB").amount == 2 * first


def test_a_cache_counts_every_replica_of_every_shard(prod: AwsStack) -> None:
    assert demand(prod, "cache nodes").amount == 3 * (1 + 2)


def test_development_needs_more_vcpus_than_a_new_account_has_and_nothing_else(stack: StackOf) -> None:
    above = [each.quota.code for each in demands(AwsStack("dev-aws", stack("dev-aws").document)) if each.above_default]
    assert above == ["L-1216C47A"]


def test_a_stack_of_several_accounts_counts_each(stack: StackOf) -> None:
    found = demands(AwsStack("bootstrap-aws", stack("bootstrap-aws").document))
    roles = {each.place.account: each.amount for each in found if each.quota.name == "roles"}
    # The shared account has only the one that pushes images.
    assert roles == {"111111111111": 2, "222222222222": 2, "333333333333": 2, "444444444444": 1}


def test_load_generators_on_fargate_are_rounded_up(prod: AwsStack) -> None:
    assert fargate(prod, cpu="1", memory="2Gi").amount == 4 * 1
    # Kubelet's share of the memory makes the next size of it.
    assert fargate(prod, cpu="1", memory="8Gi").amount == 4 * 2
    assert fargate(prod, cpu="300m", memory="512Mi").amount == 4 * 0.5


def fargate(stack: AwsStack, *, cpu: str, memory: str) -> Demand:
    """With three workers and a master in a namespace that a profile takes."""

    def load_test(resources: Resources) -> None:
        resources["aws_eks_fargate_profile"] = {
            "load-test": resource(
                "load-test/profile",
                selector=[{"namespace": "load-test"}],
                subnet_ids=["${aws_subnet.network_nodes-a.id}"],
            )
        }
        values = f'{{"workers": 3, "resources": {{"cpu": "{cpu}", "memory": "{memory}"}}}}'
        resources["helm_release"]["load-test"] = resource(
            "load-test", name="load-test", namespace="load-test", values=[values]
        )

    return demand(changed(stack, load_test), "vCPUs of Fargate On-Demand")


def test_what_the_stack_lacks_is_left_out(prod: AwsStack) -> None:
    def without_nat(resources: Resources) -> None:
        del resources["aws_nat_gateway"]

    names = [each.quota.name for each in demands(changed(prod, without_nat))]
    assert "NAT gateways in one zone" not in names
    assert "VPCs" in names

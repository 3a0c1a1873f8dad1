"""The edge: the portal's name leads to CloudFront, and somebody notices when nothing answers under it."""

import re

import pytest

from portal.aws.edge import RECORD_TYPES
from portal.kubernetes.probes import HEALTH
from portal.spec.loader import Environments
from tests.aws.cloudfront import DISTRIBUTION, EDGE_REGION, STACKS
from tests.conftest import StackOf

each_edge = pytest.mark.parametrize("name", STACKS)


def domain(environments: Environments, name: str) -> str:
    return environments.tiers[name.partition("-")[0]].portal.domain


@each_edge
def test_the_name_leads_to_the_distribution_and_nowhere_else(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    assert synthesized.one("aws_cloudfront_distribution")["aliases"] == [domain(environments, name)]
    records = [
        record
        for record in synthesized.all("aws_route53_record")
        if record["name"] == domain(environments, name) and "data.aws_route53_zone" in record["zone_id"]
    ]
    assert {record["type"] for record in records} == set(RECORD_TYPES)
    for record in records:
        assert record["alias"]["name"] == f"${{{DISTRIBUTION}.domain_name}}"
        assert record["alias"]["zone_id"] == f"${{{DISTRIBUTION}.hosted_zone_id}}"


@each_edge
def test_who_asks_from_outside_asks_for_the_portals_health(
    stack: StackOf, environments: Environments, name: str
) -> None:
    check = stack(name).one("aws_route53_health_check")
    assert (check["fqdn"], check["resource_path"]) == (domain(environments, name), HEALTH)
    assert (check["type"], check["port"], check["enable_sni"]) == ("HTTPS", 443, True)


@each_edge
def test_somebody_hears_when_visitors_see_errors_or_nothing(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    alarms = {
        alarm["namespace"]: alarm
        for alarm in synthesized.all("aws_cloudwatch_metric_alarm")
        if alarm.get("region") == EDGE_REGION
    }
    assert set(alarms) == {"AWS/CloudFront", "AWS/Route53"}
    assert alarms["AWS/CloudFront"]["dimensions"] == {"DistributionId": f"${{{DISTRIBUTION}.id}}", "Region": "Global"}
    check = synthesized.one("aws_route53_health_check")
    assert alarms["AWS/Route53"]["dimensions"] == {"HealthCheckId": f"${{{check.address}.id}}"}
    # That nobody asks any more is no good news.
    assert alarms["AWS/Route53"]["treat_missing_data"] == "breaching"


def test_dev_is_reached_from_the_companys_networks_alone(stack: StackOf, environments: Environments) -> None:
    dev = stack("dev-aws")
    assert not [address for address in dev.resources if re.match(r"aws_(cloudfront|wafv2)_", address)]
    assert not [resource.address for resource in dev.resources.values() if resource.get("region") == EDGE_REGION]
    record = dev.one("aws_route53_record", "load-balancer_name")
    assert record["alias"]["name"] == "${aws_lb.load-balancer.dns_name}"


@pytest.mark.parametrize(("name", "proxies"), [("dev-aws", 1), ("staging-aws", 2), ("prod-aws", 2)])
def test_the_gateway_trusts_as_many_proxies_as_stand_before_it(stack: StackOf, name: str, proxies: int) -> None:
    synthesized = stack(name)
    before_it = len(synthesized.all("aws_cloudfront_distribution")) + len(synthesized.all("aws_lb"))
    assert before_it == proxies
    config = synthesized.values("gateway")["podAnnotations"]["proxy.istio.io/config"]
    assert f'"numTrustedProxies": {proxies}' in config

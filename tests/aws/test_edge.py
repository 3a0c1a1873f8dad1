"""The edge: CloudFront keeps nothing personal, leads to the load balancer, and the name leads to it."""

import re

import pytest

from portal.aws.edge import RECORD_TYPES
from portal.edge_policy import IDENTIFYING_HEADERS
from portal.kubernetes.probes import HEALTH
from portal.spec.loader import Environments
from tests.aws.policies import statements
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack

STACKS = ("staging-aws", "prod-aws")
each_edge = pytest.mark.parametrize("name", STACKS)

EDGE_REGION = "us-east-1"
DISTRIBUTION = "aws_cloudfront_distribution.edge_distribution"


def domain(environments: Environments, name: str) -> str:
    return environments.tiers[name.partition("-")[0]].portal.domain


@each_edge
def test_its_origin_is_the_load_balancer_which_needs_no_public_address(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    distribution = synthesized.one("aws_cloudfront_distribution")
    (origin,) = distribution["origin"]
    assert origin["domain_name"] == "${aws_lb.load-balancer.dns_name}"
    way_in = synthesized.one("aws_cloudfront_vpc_origin")
    assert origin["vpc_origin_config"]["vpc_origin_id"] == f"${{{way_in.address}.id}}"
    (endpoint,) = way_in["vpc_origin_endpoint_config"]
    assert endpoint["arn"] == "${aws_lb.load-balancer.arn}"
    assert endpoint["origin_protocol_policy"] == "https-only"
    assert endpoint["origin_ssl_protocols"] == [{"items": ["TLSv1.2"], "quantity": 1}]
    assert synthesized.one("aws_lb")["internal"] is True
    # CloudFront makes none in a VPC without one.
    assert "aws_internet_gateway.network_internet" in synthesized.comes_after(way_in)


@each_edge
def test_no_secret_proves_that_it_is_cloudfront_who_asks(stack: StackOf, name: str) -> None:
    (origin,) = stack(name).one("aws_cloudfront_distribution")["origin"]
    assert "custom_header" not in origin


@each_edge
def test_it_asks_for_the_portal_by_the_name_that_the_load_balancers_certificate_has(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    https = synthesized.one("aws_lb_listener", "load-balancer_https")
    assert "aws_acm_certificate.load-balancer_certificate" in synthesized.comes_after(https)
    certificate = synthesized.one("aws_acm_certificate", "load-balancer_certificate")
    assert certificate["domain_name"] == domain(environments, name)
    for behavior in behaviors(synthesized):
        policy = behavior["origin_request_policy_id"]
        if policy != ALL_OF_VIEWER:
            headers = synthesized.resources[address_of(str(policy))]["headers_config"]
            assert headers == {"header_behavior": "whitelist", "headers": {"items": ["Host"]}}


ALL_OF_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def address_of(reference: str) -> str:
    return reference.removeprefix("${").rpartition(".")[0]


def behaviors(stack: SynthesizedStack) -> list[dict[str, object]]:
    distribution = stack.one("aws_cloudfront_distribution")
    return [*distribution["ordered_cache_behavior"], distribution["default_cache_behavior"]]


def behavior_of(stack: SynthesizedStack, path: str) -> dict[str, object]:
    """The one that CloudFront takes: the first whose pattern fits, or the default."""
    for behavior in behaviors(stack):
        pattern = str(behavior.get("path_pattern", "*"))
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path):
            return behavior
    raise AssertionError(path)


def kept_seconds(stack: SynthesizedStack, behavior: dict[str, object]) -> int:
    """At the most. The policies of AWS that a behavior may name here keep nothing."""
    policy = str(behavior["cache_policy_id"])
    return 0 if policy == CACHING_DISABLED else int(stack.resources[address_of(policy)]["max_ttl"])


@each_edge
@pytest.mark.parametrize("path", ["/api/catalog/entities", "/api/health", "/app/", "/", "/catalog", "/apps"])
def test_nothing_that_may_be_personal_is_kept(stack: StackOf, name: str, path: str) -> None:
    """CloudFront cannot look at a request's headers before it looks into its cache."""
    assert kept_seconds(stack(name), behavior_of(stack(name), path)) == 0


@each_edge
def test_where_answers_are_kept_the_portal_does_not_learn_who_asks(stack: StackOf, name: str) -> None:
    """So no answer to a request with Authorization or a cookie is ever kept: what is, was asked without them."""
    synthesized = stack(name)
    kept = [behavior for behavior in behaviors(synthesized) if kept_seconds(synthesized, behavior)]
    assert {behavior["path_pattern"] for behavior in kept} == {"/static/*", "/_next/static/*"}
    for behavior in kept:
        key = synthesized.resources[address_of(str(behavior["cache_policy_id"]))]
        parameters = key["parameters_in_cache_key_and_forwarded_to_origin"]
        assert parameters["headers_config"] == {"header_behavior": "none"}
        assert parameters["cookies_config"] == {"cookie_behavior": "none"}
        asked = synthesized.resources[address_of(str(behavior["origin_request_policy_id"]))]
        assert not set(asked["headers_config"]["headers"]["items"]) & set(IDENTIFYING_HEADERS)
        assert asked["cookies_config"] == {"cookie_behavior": "none"}
        assert behavior["allowed_methods"] == ["GET", "HEAD"]


@each_edge
@pytest.mark.parametrize("path", ["/api/catalog/entities", "/app/", "/"])
def test_what_is_not_kept_is_passed_on_whole(stack: StackOf, name: str, path: str) -> None:
    behavior = behavior_of(stack(name), path)
    assert behavior["origin_request_policy_id"] == ALL_OF_VIEWER
    assert {"POST", "PUT", "PATCH", "DELETE"} <= set(behavior["allowed_methods"])  # type: ignore[call-overload]


@each_edge
def test_static_assets_are_kept_for_a_year_unless_the_application_forbids_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for path in ("/static/main.js", "/_next/static/chunks/app.js"):
        policy = synthesized.resources[address_of(str(behavior_of(synthesized, path)["cache_policy_id"]))]
        assert (policy["min_ttl"], policy["default_ttl"], policy["max_ttl"]) == (0, 31_536_000, 31_536_000)


@each_edge
def test_an_error_of_one_person_is_not_given_to_the_next(stack: StackOf, name: str) -> None:
    """CloudFront keeps these for ten seconds by default, also where nothing else is kept."""
    errors = stack(name).one("aws_cloudfront_distribution")["custom_error_response"]
    assert {error["error_code"] for error in errors} == {404, 414, 500, 501, 502, 503, 504}
    assert all(error["error_caching_min_ttl"] == 0 and "response_page_path" not in error for error in errors)


@each_edge
def test_every_answer_carries_the_security_headers(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for behavior in behaviors(synthesized):
        policy = synthesized.resources[address_of(str(behavior["response_headers_policy_id"]))]
        headers = policy["security_headers_config"]
        assert headers["frame_options"] == {"frame_option": "DENY", "override": True}
        assert headers["content_type_options"] == {"override": True}
        assert headers["strict_transport_security"]["access_control_max_age_sec"] == 31_536_000
        csp = headers["content_security_policy"]["content_security_policy"]
        assert "script-src 'self';" in csp
        assert "frame-ancestors 'none'" in csp


@each_edge
def test_browsers_keep_nothing_of_the_application(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    policy = synthesized.resources[address_of(str(behavior_of(synthesized, "/app/")["response_headers_policy_id"]))]
    (header,) = policy["custom_headers_config"]["items"]
    assert header == {"header": "Cache-Control", "value": "no-store", "override": True}


@each_edge
def test_it_speaks_http_3_ipv6_and_no_tls_older_than_1_2_and_sends_plain_requests_to_https(
    stack: StackOf, name: str
) -> None:
    synthesized = stack(name)
    distribution = synthesized.one("aws_cloudfront_distribution")
    assert (distribution["http_version"], distribution["is_ipv6_enabled"]) == ("http2and3", True)
    assert distribution["viewer_certificate"]["minimum_protocol_version"] == "TLSv1.2_2021"
    assert {behavior["viewer_protocol_policy"] for behavior in behaviors(synthesized)} == {"redirect-to-https"}


@each_edge
def test_its_certificate_is_where_cloudfront_looks_and_proved_before_use(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    certificate = synthesized.one("aws_acm_certificate", "edge_certificate")
    proved = synthesized.one("aws_acm_certificate_validation", "edge_certificate-proved")
    assert certificate["domain_name"] == domain(environments, name)
    assert certificate["region"] == proved["region"] == EDGE_REGION
    assert proved["certificate_arn"] == f"${{{certificate.address}.arn}}"
    viewer = synthesized.one("aws_cloudfront_distribution")["viewer_certificate"]
    assert viewer["acm_certificate_arn"] == f"${{{proved.address}.certificate_arn}}"


@each_edge
def test_one_record_proves_both_certificates(stack: StackOf, name: str) -> None:
    """ACM asks for the same one in every region: a second would be taken away with the first."""
    synthesized = stack(name)
    record = synthesized.one("aws_route53_record", "load-balancer_certificate-proof")
    proofs = synthesized.all("aws_acm_certificate_validation")
    assert len(proofs) == 2
    for proof in proofs:
        assert proof["validation_record_fqdns"] == [f"${{{record.address}.fqdn}}"]


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
def test_requests_are_logged_without_cookies_under_a_key_of_this_project(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    delivery = synthesized.one("aws_cloudwatch_log_delivery")
    source = synthesized.one("aws_cloudwatch_log_delivery_source")
    destination = synthesized.one("aws_cloudwatch_log_delivery_destination")
    assert (source["log_type"], source["resource_arn"]) == ("ACCESS_LOGS", f"${{{DISTRIBUTION}.arn}}")
    assert {source.address, destination.address} <= synthesized.references(delivery)
    log = synthesized.one("aws_cloudwatch_log_group", "edge_distribution_requests_log")
    assert synthesized.references(destination) == {log.address}
    # CloudFront's deliveries exist there alone, and a group's key must be where the group is.
    key = synthesized.one("aws_kms_key", "keys_edge")
    for resource in (delivery, source, destination, log, key):
        assert resource["region"] == EDGE_REGION, resource.address
    assert synthesized.references(log) == {key.address}
    assert not [field for field in delivery["record_fields"] if "cookie" in field.lower()]
    # Its older way wants a bucket with access lists.
    assert "logging_config" not in synthesized.one("aws_cloudfront_distribution").body


@each_edge
def test_services_may_deliver_before_they_are_asked_to(stack: StackOf, environments: Environments, name: str) -> None:
    synthesized = stack(name)
    cloud = environments.tiers[name.partition("-")[0]].clouds.aws
    policies = synthesized.all("aws_cloudwatch_log_resource_policy")
    writers = [
        *synthesized.all("aws_cloudwatch_log_delivery"),
        *synthesized.all("aws_wafv2_web_acl_logging_configuration"),
    ]
    assert len(policies) == len(writers) == 3
    for policy in policies:
        (statement,) = statements(policy["policy_document"])
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": cloud.account}
        assert f":logs:{policy['region']}:{cloud.account}:" in statement["Condition"]["ArnLike"]["aws:SourceArn"]
        (log,) = synthesized.references(policy)
        assert synthesized.resources[log]["region"] == policy["region"]
        assert [w for w in writers if {policy.address, log} <= synthesized.comes_after(w)], policy.address


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


@each_edge
def test_the_way_in_goes_before_what_it_leads_to(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    way_in = synthesized.one("aws_cloudfront_vpc_origin")
    assert way_in.address in synthesized.comes_after(synthesized.one("aws_cloudfront_distribution"))
    assert "aws_lb.load-balancer" in synthesized.comes_after(way_in)

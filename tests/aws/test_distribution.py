"""CloudFront: it alone leads to the load balancer, passes on what it is told, and writes down who asked."""

import pytest

from portal.aws.distribution import LOGGED_FIELDS
from portal.spec.loader import Environments
from tests.aws.cloudfront import ALL_OF_VIEWER, DISTRIBUTION, EDGE_REGION, STACKS, address_of, behaviors
from tests.conftest import StackOf

each_edge = pytest.mark.parametrize("name", STACKS)


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
    assert certificate["domain_name"] == environments.tiers[name.partition("-")[0]].portal.domain
    for behavior in behaviors(synthesized):
        policy = behavior["origin_request_policy_id"]
        if policy != ALL_OF_VIEWER:
            headers = synthesized.resources[address_of(str(policy))]["headers_config"]
            assert headers == {"header_behavior": "whitelist", "headers": {"items": ["Host"]}}


@each_edge
def test_an_error_of_one_person_is_not_given_to_the_next(stack: StackOf, name: str) -> None:
    """CloudFront keeps these for ten seconds by default, also where nothing else is kept."""
    errors = stack(name).one("aws_cloudfront_distribution")["custom_error_response"]
    assert {error["error_code"] for error in errors} == {404, 414, 500, 501, 502, 503, 504}
    assert all(error["error_caching_min_ttl"] == 0 and "response_page_path" not in error for error in errors)


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
def test_the_way_in_goes_before_what_it_leads_to(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    way_in = synthesized.one("aws_cloudfront_vpc_origin")
    assert way_in.address in synthesized.comes_after(synthesized.one("aws_cloudfront_distribution"))
    assert "aws_lb.load-balancer" in synthesized.comes_after(way_in)


@each_edge
def test_cloudfront_waits_as_long_as_the_gateway_does(stack: StackOf, name: str) -> None:
    """After less, a visitor reads 504 of a request that still succeeds, and sends it again."""
    (origin,) = stack(name).one("aws_cloudfront_distribution")["origin"]
    waits = origin["vpc_origin_config"]["origin_read_timeout"]
    assert waits == stack(name).values("mesh")["timeoutSeconds"]
    assert waits <= 60, "more only after a request for a higher quota"


@each_edge
def test_terraform_waits_for_the_way_in_longer_than_aws_takes(stack: StackOf, name: str) -> None:
    """A quarter of an hour, which is the provider's own limit, too: a deploy would end a minute too early."""
    timeouts = stack(name).one("aws_cloudfront_vpc_origin")["timeouts"]
    assert {step: int(wait.removesuffix("m")) > 15 for step, wait in timeouts.items()} == {
        "create": True,
        "update": True,
        "delete": True,
    }


@each_edge
def test_it_is_as_far_spread_as_the_tier_pays_for(stack: StackOf, environments: Environments, name: str) -> None:
    edge = environments.tiers[name.partition("-")[0]].clouds.aws.edge
    assert edge
    assert stack(name).one("aws_cloudfront_distribution")["price_class"] == edge.price_class


def test_a_request_in_the_log_says_who_what_and_how_it_went() -> None:
    """What an incident asks for: without the id nobody finds the same request in AWS's own records."""
    needed = {"timestamp(ms)", "c-ip", "cs-method", "cs-uri-stem", "sc-status", "x-edge-result-type"}
    assert needed | {"x-edge-request-id", "time-taken"} <= set(LOGGED_FIELDS)
    assert len(set(LOGGED_FIELDS)) == len(LOGGED_FIELDS), "CloudFront refuses a field that is named twice"
    assert not {"cs-uri-query", "cs(Cookie)"} & set(LOGGED_FIELDS), "both can be somebody's sign-in"

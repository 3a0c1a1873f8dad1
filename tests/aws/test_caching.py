"""What CloudFront keeps, and what it tells browsers to keep: its own code, run by a JavaScript engine."""

import json
import os
import subprocess
from typing import Any

import pytest

from portal.aws.caching import kept_in_browsers, security_headers
from portal.edge_policy import IDENTIFYING_HEADERS, SECURITY_HEADERS, STATIC_ASSETS
from tests.aws.cloudfront import ALL_OF_VIEWER, STACKS, address_of, behavior_of, behaviors, kept_seconds
from tests.conftest import StackOf

each_edge = pytest.mark.parametrize("name", STACKS)

A_YEAR = "public, max-age=31536000, immutable"


def answered(status: int, headers: dict[str, str]) -> dict[str, Any]:
    """The headers that a browser sees of an answer with `status` and the application's own `headers`."""
    event = {"response": {"statusCode": status, "headers": {name: {"value": value} for name, value in headers.items()}}}
    program = f"{kept_in_browsers(STATIC_ASSETS)}\nconsole.log(JSON.stringify(handler({json.dumps(event)})));"
    node = os.environ.get("JSII_NODE", "node")
    done = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)["headers"]
    return {name: header["value"] for name, header in seen.items()}


@pytest.mark.parametrize("status", [200, 206, 304])
def test_browsers_keep_a_static_asset_for_a_year(status: int) -> None:
    assert answered(status, {"etag": "x"}) == {"etag": "x", "cache-control": A_YEAR}
    assert answered(status, {"cache-control": "public, max-age=60"}) == {"cache-control": A_YEAR}


@pytest.mark.parametrize("status", [404, 503])
def test_browsers_do_not_remember_an_error(status: int) -> None:
    """A file that is missing during a rollout would be missing for a year."""
    assert answered(status, {}) == {}


@pytest.mark.parametrize("own", ["no-store", "private, max-age=60", "no-cache"])
def test_what_the_application_forbids_stays_forbidden(own: str) -> None:
    """A page that stands in for a file which is not there."""
    assert answered(200, {"cache-control": own}) == {"cache-control": own}


def test_every_security_header_of_the_policy_has_an_argument_with_its_value() -> None:
    rendered = security_headers()
    assert len(rendered) == len(SECURITY_HEADERS)
    values = json.dumps(rendered)
    for header in SECURITY_HEADERS:
        value = header.value.removeprefix("max-age=").partition("; includeSubDomains")[0]
        assert header.value == "nosniff" or value in values, header.name


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

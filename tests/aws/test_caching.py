"""CloudFront's own code: what it tells browsers, run by a JavaScript engine."""

import json
import os
import subprocess
from typing import Any

import pytest

from portal.aws.caching import kept_in_browsers, security_headers
from portal.edge_policy import SECURITY_HEADERS, STATIC_ASSETS

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

"""The edge policy: that nobody is answered with what was meant for another, and what every answer carries."""

import pytest

from portal.edge_policy import (
    CACHE_RULES,
    CONTENT_SECURITY_POLICY,
    EVERYTHING_ELSE,
    SECURITY_HEADERS,
    YEAR_SECONDS,
    browser_cache_control,
    edge_seconds,
    rule_of,
)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/static/main.4f2a.js", "static-assets"),
        ("/_next/static/chunks/app.js", "static-assets"),
        ("/api/catalog/entities", "api"),
        ("/app/settings", "application"),
        ("/", "everything-else"),
        ("/apiary", "everything-else"),
        ("/staticfile", "everything-else"),
    ],
)
def test_the_first_rule_with_a_prefix_of_the_path_counts(path: str, rule: str) -> None:
    assert rule_of(path).name == rule


def test_every_path_has_a_rule_and_what_has_no_other_is_not_kept() -> None:
    assert CACHE_RULES[-1] is EVERYTHING_ELSE
    assert EVERYTHING_ELSE.path_prefixes == ("/",)
    assert EVERYTHING_ELSE.edge_seconds == 0


@pytest.mark.parametrize("header", ["Authorization", "authorization", "Cookie", "COOKIE"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_to_somebody_known_is_never_kept(header: str, method: str) -> None:
    """The guide keeps every answer to a GET under /api/."""
    for path in ("/api/catalog/entities", "/app/", "/"):
        assert edge_seconds(method=method, path=path, headers=["Accept", header]) == 0


def test_an_answer_to_nobody_in_particular_is_kept_for_five_minutes() -> None:
    assert edge_seconds(method="GET", path="/api/health", headers=["Accept"]) == 300


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_what_reads_is_kept(method: str) -> None:
    for path in ("/static/a.js", "/api/x", "/"):
        assert edge_seconds(method=method, path=path, headers=[]) == 0


def test_static_assets_are_kept_for_a_year_by_edge_and_browser_whoever_asks() -> None:
    assert edge_seconds(method="GET", path="/static/a.js", headers=["Cookie"]) == YEAR_SECONDS == 31_536_000
    assert browser_cache_control(rule_of("/static/a.js")) == "public, max-age=31536000, immutable"


def test_browsers_keep_nothing_of_the_application_and_of_the_api_only_for_themselves() -> None:
    assert browser_cache_control(rule_of("/app/")) == "no-store"
    assert browser_cache_control(rule_of("/api/x")) == "private, max-age=60"
    assert browser_cache_control(EVERYTHING_ELSE) is None


def test_injected_scripts_do_not_run_and_nobody_frames_the_portal() -> None:
    directives = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert directives["script-src"] == directives["default-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["object-src"] == "'none'"


def test_every_header_of_the_guide_is_there_and_only_the_script_policy_may_be_replaced() -> None:
    assert {header.name for header in SECURITY_HEADERS if header.final} == {
        "X-Frame-Options",
        "X-Content-Type-Options",
        "Strict-Transport-Security",
    }
    assert {header.name for header in SECURITY_HEADERS if not header.final} == {"Content-Security-Policy"}

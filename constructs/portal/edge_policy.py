"""What an edge may keep of the portal's answers, and which headers every answer carries: the same on every cloud.

Data and pure functions. Each cloud renders them in its own words and may keep less than this allows, never more.

Source: guide, "CDN and Caching Strategy". It keeps every answer to a GET under /api/; here nothing is kept of a request
that says who asks, or one person would read what was meant for another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

YEAR_SECONDS: Final = 365 * 24 * 3600

IDENTIFYING_HEADERS: Final = ("Authorization", "Cookie")
"""What says who asks. Any cookie counts: which of them holds a session is the application's business."""

KEPT_METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True)
class CacheRule:
    """What is kept of the answers under some paths.

    `edge_seconds`: for how long at the edge, where the application does not forbid it; 0: not at all.
    `browser_seconds`: for how long in a browser; None: as the application says. `identity_free`: these answers are the
    same for everybody, so the edge keeps back who asks; else a request that says so is neither answered from what was
    kept nor kept.
    """

    name: str
    path_prefixes: tuple[str, ...]
    edge_seconds: int
    browser_seconds: int | None
    identity_free: bool = False


STATIC_ASSETS: Final = CacheRule(
    name="static-assets",
    # The second is where Next.js has them. Their names change with their content.
    path_prefixes=("/static/", "/_next/static/"),
    edge_seconds=YEAR_SECONDS,
    browser_seconds=YEAR_SECONDS,
    identity_free=True,
)
API: Final = CacheRule(name="api", path_prefixes=("/api/",), edge_seconds=300, browser_seconds=60)
APPLICATION: Final = CacheRule(name="application", path_prefixes=("/app/",), edge_seconds=0, browser_seconds=0)
EVERYTHING_ELSE: Final = CacheRule(name="everything-else", path_prefixes=("/",), edge_seconds=0, browser_seconds=None)

CACHE_RULES: Final = (STATIC_ASSETS, API, APPLICATION, EVERYTHING_ELSE)
"""The first whose prefix a path has counts."""


def rule_of(path: str) -> CacheRule:
    """The rule for a path, which begins with a slash."""
    return next(rule for rule in CACHE_RULES if path.startswith(rule.path_prefixes))


def edge_seconds(*, method: str, path: str, headers: Iterable[str]) -> int:
    """For how long an edge may keep the answer to a request. `headers`: the names of those that it has."""
    rule = rule_of(path)
    says_who_asks = {header.lower() for header in headers} & {header.lower() for header in IDENTIFYING_HEADERS}
    if method not in KEPT_METHODS or (says_who_asks and not rule.identity_free):
        return 0
    return rule.edge_seconds


def browser_cache_control(rule: CacheRule) -> str | None:
    """The Cache-Control header that tells a browser `rule.browser_seconds`; None: leave it to the application.

    Of an answer that may hold something personal only the browser keeps a copy. Source: RFC 9111, RFC 8246.
    """
    if rule.browser_seconds is None:
        return None
    if rule.browser_seconds == 0:
        return "no-store"
    scope = "public" if rule.identity_free else "private"
    immutable = ", immutable" if rule.browser_seconds == YEAR_SECONDS else ""
    return f"{scope}, max-age={rule.browser_seconds}{immutable}"


CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        # Material UI writes its styles into the page while it runs.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Without the guide's 'unsafe-inline' for scripts, which would let injected ones run.

Source: guide, "Security Headers"; Content Security Policy Level 3.
"""


@dataclass(frozen=True, kw_only=True)
class SecurityHeader:
    """A header of every answer. `final`: it replaces the application's own; else it stands in where there is none."""

    name: str
    value: str
    final: bool = True


TRANSPORT_SECURITY_SECONDS: Final = YEAR_SECONDS
"""For how long a browser asks by HTTPS only, also for names below the portal's."""

SECURITY_HEADERS: Final = (
    # An application that marks its inline scripts by a nonce has to name it: an edge cannot know it.
    SecurityHeader(name="Content-Security-Policy", value=CONTENT_SECURITY_POLICY, final=False),
    SecurityHeader(name="X-Frame-Options", value="DENY"),
    SecurityHeader(name="X-Content-Type-Options", value="nosniff"),
    SecurityHeader(name="Strict-Transport-Security", value=f"max-age={TRANSPORT_SECURITY_SECONDS}; includeSubDomains"),
)

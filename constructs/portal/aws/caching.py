"""The edge policy in CloudFront's words: what it keeps, what it passes on, and which headers it adds."""

import json
from typing import Any, Final

from cdktf_cdktf_provider_aws.cloudfront_cache_policy import (
    CloudfrontCachePolicy,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOrigin,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfig,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfig,
)
from cdktf_cdktf_provider_aws.cloudfront_distribution import (
    CloudfrontDistributionOrderedCacheBehaviorFunctionAssociation as FunctionAssociation,
)
from cdktf_cdktf_provider_aws.cloudfront_function import CloudfrontFunction
from cdktf_cdktf_provider_aws.cloudfront_origin_request_policy import (
    CloudfrontOriginRequestPolicy,
    CloudfrontOriginRequestPolicyCookiesConfig,
    CloudfrontOriginRequestPolicyHeadersConfig,
    CloudfrontOriginRequestPolicyHeadersConfigHeaders,
    CloudfrontOriginRequestPolicyQueryStringsConfig,
)
from cdktf_cdktf_provider_aws.cloudfront_response_headers_policy import (
    CloudfrontResponseHeadersPolicy,
    CloudfrontResponseHeadersPolicyCustomHeadersConfig,
    CloudfrontResponseHeadersPolicyCustomHeadersConfigItems,
)
from constructs import Construct

from portal.edge_policy import (
    CACHE_RULES,
    KEPT_METHODS,
    SECURITY_HEADERS,
    TRANSPORT_SECURITY_SECONDS,
    CacheRule,
    browser_cache_control,
)

ORIGIN_ID: Final = "load-balancer"

CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""The policy of AWS with which CloudFront keeps nothing, and asks once for each of two equal requests at a time.

Source: CloudFront developer guide, "Use managed cache policies", "Simultaneous requests for the same object".
"""
ALL_OF_VIEWER: Final = "216adef6-5c7f-47e4-b989-5492eafa07d3"
"""The policy of AWS that passes on all that the client sent, the host it asked for included."""

ALL_METHODS: Final = ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")


class Caching(Construct):
    """The cache behaviors of one distribution: `behaviors`, by the name of the rule, as arguments without their path.

    `name`: what its policies are called by.

    Source: CloudFront developer guide, "Control the cache key with a policy", "Control origin requests with a policy".
    """

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id)
        self._plain_headers = self._headers("headers", name=name, cache_control=None)
        self.behaviors = {rule.name: self._behavior(rule, name=f"{name}-{rule.name}") for rule in CACHE_RULES}

    def _behavior(self, rule: CacheRule, *, name: str) -> dict[str, Any]:
        """What CloudFront does with requests under the paths of `rule`.

        It looks into its cache before it knows whether a request says who asks, so it keeps only what is the same for
        everybody.
        """
        kept = rule.identity_free and rule.edge_seconds > 0
        rendered: dict[str, Any] = {
            "target_origin_id": ORIGIN_ID,
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": list(KEPT_METHODS if kept else ALL_METHODS),
            "cached_methods": list(KEPT_METHODS),
            "compress": kept,
            "cache_policy_id": self._keep(rule, name=name) if kept else CACHING_DISABLED,
            "origin_request_policy_id": self._pass_on_host(rule, name=name) if kept else ALL_OF_VIEWER,
            # Right on errors, too; how long to keep something is not.
            "response_headers_policy_id": self._headers(
                f"{rule.name}-headers", name=name, cache_control=browser_cache_control(rule)
            )
            if rule.browser_seconds == 0
            else self._plain_headers,
        }
        if kept:
            function = CloudfrontFunction(
                self,
                f"{rule.name}-in-browsers",
                name=name,
                runtime="cloudfront-js-2.0",
                publish=True,
                code=kept_in_browsers(rule),
            )
            rendered["function_association"] = [
                FunctionAssociation(event_type="viewer-response", function_arn=function.arn)
            ]
        return rendered

    def _keep(self, rule: CacheRule, *, name: str) -> str:
        """At the most: what the application forbids to keep, or for so long, is not kept."""
        return CloudfrontCachePolicy(
            self,
            f"{rule.name}-kept",
            name=name,
            min_ttl=0,
            default_ttl=rule.edge_seconds,
            max_ttl=rule.edge_seconds,
            parameters_in_cache_key_and_forwarded_to_origin=(
                CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOrigin(
                    enable_accept_encoding_brotli=True,
                    enable_accept_encoding_gzip=True,
                    headers_config=CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig(
                        header_behavior="none"
                    ),
                    cookies_config=CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfig(
                        cookie_behavior="none"
                    ),
                    query_strings_config=(
                        CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfig(
                            query_string_behavior="none"
                        )
                    ),
                )
            ),
        ).id

    def _pass_on_host(self, rule: CacheRule, *, name: str) -> str:
        """The host that the gateway and the load balancer's certificate know, and nothing that says who asks."""
        return CloudfrontOriginRequestPolicy(
            self,
            f"{rule.name}-asked",
            name=name,
            headers_config=CloudfrontOriginRequestPolicyHeadersConfig(
                header_behavior="whitelist",
                headers=CloudfrontOriginRequestPolicyHeadersConfigHeaders(items=["Host"]),
            ),
            cookies_config=CloudfrontOriginRequestPolicyCookiesConfig(cookie_behavior="none"),
            query_strings_config=CloudfrontOriginRequestPolicyQueryStringsConfig(query_string_behavior="none"),
        ).id

    def _headers(self, id: str, *, name: str, cache_control: str | None) -> str:
        items = (
            [
                CloudfrontResponseHeadersPolicyCustomHeadersConfigItems(
                    header="Cache-Control", value=cache_control, override=True
                )
            ]
            if cache_control
            else None
        )
        return CloudfrontResponseHeadersPolicy(
            self,
            id,
            name=name,
            security_headers_config=security_headers(),
            custom_headers_config=CloudfrontResponseHeadersPolicyCustomHeadersConfig(items=items) if items else None,
        ).id


def kept_in_browsers(rule: CacheRule) -> str:
    """JavaScript that tells browsers to keep an answer, unless it is an error or the application forbids it.

    A header policy would say so of errors too, and a file that is missing during a rollout would be missing for a year.

    Source: CloudFront developer guide, "Write function code".
    """
    value = json.dumps(browser_cache_control(rule))
    return f"""\
function handler(event) {{
  var response = event.response;
  var own = response.headers['cache-control'];
  if (response.statusCode < 400 && !(own && /no-store|no-cache|private/.test(own.value))) {{
    response.headers['cache-control'] = {{ value: {value} }};
  }}
  return response;
}}
"""


def security_headers() -> dict[str, dict[str, Any]]:
    """The policy's headers as the arguments that CloudFront has for them.

    Source: Terraform, aws_cloudfront_response_headers_policy, security_headers_config.
    """
    headers = {header.name: header for header in SECURITY_HEADERS}
    csp = headers["Content-Security-Policy"]
    frames = headers["X-Frame-Options"]
    return {
        "content_security_policy": {"content_security_policy": csp.value, "override": csp.final},
        "frame_options": {"frame_option": frames.value, "override": frames.final},
        "content_type_options": {"override": headers["X-Content-Type-Options"].final},
        "strict_transport_security": {
            "access_control_max_age_sec": TRANSPORT_SECURITY_SECONDS,
            "include_subdomains": True,
            "override": headers["Strict-Transport-Security"].final,
        },
    }

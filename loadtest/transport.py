"""What Locust's client finds out anew for every request, found out once: a URL's parts, and that there are no cookies.

Together these are a tenth of the work of a request: more than it costs to record one.
"""

from functools import cached_property, lru_cache
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Final
from urllib.request import Request

from geventhttpclient.url import URL

ADDRESSES_AT_MOST: Final = 4096
"""Journeys ask for some hundreds; more than these are URLs that do not come again."""


class Address(URL):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def __str__(self) -> str:
        return self._text

    @cached_property
    def host(self) -> str:
        return super().host

    @cached_property
    def port(self) -> int | None:
        return super().port

    @cached_property
    def netloc(self) -> str:
        return super().netloc

    @cached_property
    def request_uri(self) -> str:
        return super().request_uri

    @cached_property
    def quoted_uri(self) -> str:
        return super().quoted_uri


@lru_cache(maxsize=ADDRESSES_AT_MOST)
def address(url: str) -> Address:
    return Address(url)


class Cookies(CookieJar):
    """A jar that is not searched while it is empty, and takes nothing from an answer that brings nothing."""

    def add_cookie_header(self, request: Request) -> None:
        if len(self._cookies):  # type: ignore[attr-defined]
            super().add_cookie_header(request)

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        if "set-cookie" in response.headers:
            super().extract_cookies(response, request)

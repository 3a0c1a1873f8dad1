"""What is found out once for many requests is what Locust's client would have found out each time."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from geventhttpclient.url import URL
from geventhttpclient.useragent import UserAgent

from loadtest.transport import Address, Cookies, address

PARTS = ("scheme", "netloc", "host", "port", "path", "query", "request_uri", "quoted_uri", "username", "fragment")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:7007/api/health",
        "https://portal.example.com",
        "https://portal.example.com/api/search?term=a b&types%5B0%5D=x#top",
        "http://[::1]:8080/ü;p?q=1",
        "http://me:secret@portal.example.com:81/",
    ],
)
def test_an_address_has_the_parts_of_a_url(text: str) -> None:
    for _ in range(2):
        for part in PARTS:
            assert getattr(Address(text), part) == getattr(URL(text), part), part
    assert str(Address(text)) == text
    assert Address(text).redirect("/other?x=1") == URL(text).redirect("/other?x=1")


def test_the_same_text_is_taken_apart_once() -> None:
    assert address("http://127.0.0.1/a") is address("http://127.0.0.1/a")
    assert address("http://127.0.0.1/a") != address("http://127.0.0.1/b")


class Sticky(BaseHTTPRequestHandler):
    """A load balancer that says once where a visitor belongs, and answers with what it was told."""

    def do_GET(self) -> None:
        told = (self.headers.get("Cookie") or "nothing").encode()
        self.send_response(200)
        if self.path == "/first":
            self.send_header("Set-Cookie", "pod=7; Path=/")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sticky() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sticky)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_cookie_is_kept_and_sent_from_then_on(sticky: str) -> None:
    agent = UserAgent(cookiejar=Cookies())

    def told(path: str) -> bytes:
        return bytes(agent.urlopen(address(sticky + path)).read())

    assert [told(path) for path in ("/", "/first", "/", "/")] == [b"nothing", b"nothing", b"pod=7", b"pod=7"]

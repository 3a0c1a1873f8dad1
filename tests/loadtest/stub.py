"""A target with planted faults: `python stub.py` prints its port. What it does is set by its arguments."""

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200
    delay_seconds = 0.0
    seconds_each = 0.0
    """One after another: the most that it answers is one in so long."""
    turn = threading.Lock()
    healthy_answers = 0
    """So many answers are as they should be before the fault sets in: the preflight's."""
    body = json.dumps({"status": "ok"}).encode()
    token_seconds = 0.0
    """For so long a token is good; then what is asked with it is refused. 0: none is asked for."""
    answered = connections = tokens = 0
    lock = threading.Lock()

    def setup(self) -> None:
        with Handler.lock:
            Handler.connections += 1
        super().setup()

    def do_POST(self) -> None:
        """Signs in: the token says when it was given."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with Handler.lock:
            Handler.tokens += 1
        given = {"token": f"{time.time()}.x".replace(".", "-", 1) + ".y", "expiresInSeconds": self.token_seconds}
        self.answer(200, json.dumps({"backstageIdentity": given}).encode())

    def do_GET(self) -> None:
        if self.path == "/seen":
            self.answer(
                200,
                json.dumps(
                    {"connections": self.connections, "tokens": self.tokens, "answered": self.answered}
                ).encode(),
            )
            return
        with Handler.lock:
            Handler.answered += 1
            faulty = Handler.answered > self.healthy_answers
        if self.token_seconds and self.path != "/api/health":
            _, _, token = self.headers.get("Authorization", "").partition("Bearer ")
            given_at = float(token.split(".")[0].replace("-", ".")) if token else 0.0
            if time.time() > given_at + self.token_seconds:
                self.answer(401, b"{}")
                return
        if faulty and self.delay_seconds:
            time.sleep(self.delay_seconds)
        if faulty and self.seconds_each:
            with Handler.turn:
                time.sleep(self.seconds_each)
        self.answer(self.status if faulty else 200, self.body if faulty else b'{"status": "ok"}')

    def answer(self, status: int, body: bytes) -> None:
        # One write: a header and a body in two would wait for each other's acknowledgement, 40 ms.
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--delay-seconds", type=float, default=0.0)
    parser.add_argument("--capacity-rps", type=float)
    parser.add_argument("--healthy-answers", type=int, default=1)
    parser.add_argument("--body", default='{"status": "ok"}')
    parser.add_argument("--token-seconds", type=float, default=0.0)
    options = parser.parse_args()
    Handler.token_seconds = options.token_seconds
    Handler.status, Handler.delay_seconds = options.status, options.delay_seconds
    Handler.healthy_answers, Handler.body = options.healthy_answers, options.body.encode()
    Handler.seconds_each = 1 / options.capacity_rps if options.capacity_rps else 0.0
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

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
    healthy_answers = 0
    """So many answers are as they should be before the fault sets in: the preflight's."""
    body = json.dumps({"status": "ok"}).encode()
    answered = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        with Handler.lock:
            Handler.answered += 1
            faulty = Handler.answered > self.healthy_answers
        if faulty and self.delay_seconds:
            time.sleep(self.delay_seconds)
        body = self.body if faulty else b'{"status": "ok"}'
        # One write: a header and a body in two would wait for each other's acknowledgement, 40 ms.
        head = f"HTTP/1.1 {self.status if faulty else 200} X\r\nContent-Length: {len(body)}\r\n\r\n"
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
    parser.add_argument("--healthy-answers", type=int, default=1)
    parser.add_argument("--body", default='{"status": "ok"}')
    options = parser.parse_args()
    Handler.status, Handler.delay_seconds = options.status, options.delay_seconds
    Handler.healthy_answers, Handler.body = options.healthy_answers, options.body.encode()
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

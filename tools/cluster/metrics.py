"""`metrics.k8s.io` of a test cluster: says what a function says, and keeps what it said.

The HPA controller asks once for every metric at each sync, and nothing else in the API tells when a sync was. So each
answer is kept with its moment, and repeated for as long as one sync takes.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tools.cluster.controlplane import ControlPlane

GROUP: Final = "/apis/metrics.k8s.io/v1beta1"
ONE_SYNC_SECONDS: Final = 1.0

Items = list[dict[str, Any]]
UsageOf = Callable[[str, str, float], Items | None]
"""(namespace, label selector, now) -> items of a PodMetricsList; None: an error."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One sync of an autoscaler, as far as this service sees it."""

    at: float
    namespace: str
    selector: str
    items: Items | None


class MetricsService:
    def __init__(self, usage: UsageOf) -> None:
        self._usage, self._lock = usage, threading.Lock()
        self._last: dict[tuple[str, str], Asked] = {}
        self.asked: list[Asked] = []

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        if path == GROUP:
            resource = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["list"]}
            group = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1"}
            return 200, {**group, "resources": [resource]}
        key = _subject(path, query)
        if key is None:
            return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
        asked = self._one(*key)
        if asked.items is None:
            message = "the metrics service is told to fail"
            return 500, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500, "message": message}
        return 200, {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": asked.items}

    def lost(self, path: str, query: Mapping[str, list[str]]) -> None:
        """Who asked did not wait for the answer: for the controller that is an error."""
        with self._lock:
            key = _subject(path, query)
            if key and (last := self._last.get(key)):
                self._last[key] = failed = replace(last, items=None)
                self.asked[self.asked.index(last)] = failed

    def _one(self, namespace: str, selector: str) -> Asked:
        with self._lock:
            now, key = time.time(), (namespace, selector)
            last = self._last.get(key)
            if last and now - last.at < ONE_SYNC_SECONDS:
                return last
            items = self._usage(namespace, selector, now)
            self._last[key] = Asked(at=now, namespace=namespace, selector=selector, items=items)
            self.asked.append(self._last[key])
            return self._last[key]


def _subject(path: str, query: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """Namespace and label selector of a question about pods."""
    parts = path.removeprefix(f"{GROUP}/").split("/")
    if len(parts) != 3 or parts[0] != "namespaces" or parts[2] != "pods":
        return None
    return parts[1], query.get("labelSelector", [""])[0]


@contextmanager
def served(cluster: ControlPlane, usage: UsageOf) -> Iterator[MetricsService]:
    """Registered with the cluster's API server, which passes requests on to us."""
    service = MetricsService(usage)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            status, body = service.answer(url.path, parse_qs(url.query))
            text = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                service.lost(url.path, parse_qs(url.query))

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: what was asked is kept."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cluster.certificates.serving, cluster.certificates.serving_key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            _register(cluster, server.server_address[1])
            yield service
        finally:
            server.shutdown()
            thread.join()


def _register(cluster: ControlPlane, port: int) -> None:
    # Endpoints may not hold a loopback address, a name may.
    service = {
        "metadata": {"name": "metrics"},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    cluster.request("POST", "/api/v1/namespaces/kube-system/services", service)
    name = "v1beta1.metrics.k8s.io"
    registration = {
        "metadata": {"name": name},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            # Its certificate is for localhost, and would be asked to be for metrics.kube-system.svc.
            "insecureSkipTLSVerify": True,
            "service": {"namespace": "kube-system", "name": "metrics", "port": port},
        },
    }
    services = "/apis/apiregistration.k8s.io/v1/apiservices"
    cluster.request("POST", services, registration)

    def available() -> bool:
        status = cluster.request("GET", f"{services}/{name}").get("status", {})
        return any(c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions") or ())

    cluster.wait(available, "metrics.k8s.io")

"""A small API server that speaks the JSON of the real one for one autoscaler, and fails on demand."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.loadtest.autoscaling.objects import GUIDE

LABELS = {"app.kubernetes.io/name": "portal-frontend"}


def stamp(seconds_ago: float = 0) -> str:
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def running(name: str, *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": stamp(120), "labels": LABELS},
        "spec": {
            "containers": [{"name": "app", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}],
            "initContainers": [
                {"name": "migrate", "resources": {"requests": {"cpu": "4"}}},
                {
                    "name": "proxy",
                    "restartPolicy": "Always",
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                },
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": stamp(110),
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": stamp(100)}],
        },
    }


def used(name: str, cpu: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": LABELS},
        "timestamp": stamp(10),
        "window": "15.5s",
        "containers": [{"name": "app", "usage": {"cpu": cpu, "memory": "512Mi"}}],
    }


def node(name: str, *, cpu: str = "64", memory: str = "64Gi", pods: str = "110") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "pods": pods},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


class FakeApi:
    """State that a test changes while the sampler reads."""

    def __init__(self) -> None:
        self.hpa: dict[str, Any] | None = GUIDE | {
            "status": {
                "currentReplicas": 3,
                "desiredReplicas": 3,
                "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 44}}}
                ],
                "conditions": [{"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}],
            }
        }
        self.replicas = 3
        self.pods = [running(f"portal-frontend-{index}") for index in range(3)]
        self.usage = [used(f"portal-frontend-{index}", "220000000n") for index in range(3)]
        self.events: list[dict[str, Any]] = []
        self.quotas: list[dict[str, Any]] = []
        self.nodes = [node("node-0")]
        self.tokens = {"first"}
        self.broken: dict[str, int] = {}
        """Part of a path -> status that it answers."""
        self.garbage = False
        self.hangs_seconds = 0.0
        self.selectors: list[str] = []

    def answer(self, path: str, query: str, token: str) -> tuple[int, Any]:
        if token not in self.tokens:
            return 401, {"kind": "Status", "reason": "Unauthorized"}
        for part, status in self.broken.items():
            if part in path:
                return status, {"kind": "Status", "code": status}
        namespace = "/namespaces/developer-portal"
        if path == f"/apis/autoscaling/v2{namespace}/horizontalpodautoscalers/portal-frontend":
            return (200, self.hpa) if self.hpa else (404, {"kind": "Status", "reason": "NotFound"})
        if path == f"/apis/apps/v1{namespace}/deployments/portal-frontend":
            spec = {"replicas": self.replicas, "selector": {"matchLabels": LABELS}}
            return 200, {"spec": spec, "status": {"readyReplicas": len(self.pods)}}
        if path == f"/api/v1{namespace}/pods":
            self.selectors.append(query)
            return 200, {"kind": "PodList", "items": self.pods}
        if path == f"/apis/metrics.k8s.io/v1beta1{namespace}/pods":
            return 200, {"kind": "PodMetricsList", "items": self.usage}
        if path == f"/api/v1{namespace}/events":
            return 200, {"kind": "EventList", "items": self.events}
        if path == f"/api/v1{namespace}/resourcequotas":
            return 200, {"kind": "ResourceQuotaList", "items": self.quotas}
        if path == "/api/v1/nodes":
            return 200, {"kind": "NodeList", "items": self.nodes}
        if path == "/api/v1/pods":
            return 200, {"kind": "PodList", "items": self.pods}
        return 404, {"kind": "Status", "reason": "NotFound", "message": path}


@contextmanager
def served(api: FakeApi, port: int = 0) -> Iterator[int]:
    """Listening on loopback; gives the port."""

    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            time.sleep(api.hangs_seconds)
            if stopped.is_set():
                # Connections that are kept open outlive the listener.
                self.close_connection = True
                return
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, body = api.answer(path, query, token)
            text = b"<html>proxy" if api.garbage else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sampler that is killed in the middle of a request is what these tests do."""

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            stopped.set()
            server.shutdown()
            thread.join()


def kubeconfig(folder: Path, port: int) -> Path:
    """Logs in by a command, as the clouds do; the token is whatever stands in the file `token`."""
    (folder / "token").write_text("first")
    command = folder / "login"
    credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}'
    command.write_text(f"#!/bin/sh\nprintf '{credential}' \"$(cat {folder}/token)\"\n")
    command.chmod(0o755)
    login = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(command),
        "interactiveMode": "Never",
    }
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "test", "user": {"exec": login}}],
            }
        )
    )
    return path

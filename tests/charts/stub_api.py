"""As much of a Kubernetes API server as Helm asks when a template looks something up."""

import json
from collections import defaultdict
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

from tests.charts.rendering import KUBERNETES, Object

Document = dict[str, Any]


class StubApi:
    """Serves discovery for the kinds of `kinds`, and the objects `stored`, on a loopback port while it is entered."""

    def __init__(self, *, kinds: Iterable[Object], stored: Iterable[Object]) -> None:
        documents = discovery({(object["apiVersion"], object["kind"]) for object in kinds})
        documents |= {path_of(object): object for object in stored}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(documents))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def helm_options(self) -> list[str]:
        address = f"http://127.0.0.1:{self._server.server_port}"
        return ["--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", address, "--kube-token", "none"]

    def __enter__(self) -> "StubApi":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def plural(kind: str) -> str:
    return kind.lower().removesuffix("y") + "ies" if kind.endswith("y") else kind.lower() + "s"


def path_of(object: Object) -> str:
    root = f"/apis/{object['apiVersion']}" if "/" in object["apiVersion"] else f"/api/{object['apiVersion']}"
    metadata = object["metadata"]
    return f"{root}/namespaces/{metadata['namespace']}/{plural(object['kind'])}/{metadata['name']}"


def discovery(kinds: set[tuple[str, str]]) -> dict[str, Document]:
    """Kubernetes, "API Discovery": the documents by which a client finds the path of a kind."""
    by_version: dict[str, list[Document]] = defaultdict(list)
    for version, kind in sorted(kinds):
        resource = {"name": plural(kind), "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]}
        by_version[version].append(resource)
    groups = [
        {"name": version.split("/")[0], "versions": [{"groupVersion": version, "version": version.split("/")[1]}]}
        for version in by_version
        if "/" in version
    ]
    documents: dict[str, Document] = {
        "/version": {"major": "1", "minor": KUBERNETES.split(".")[1], "gitVersion": f"v{KUBERNETES}"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for version, resources in by_version.items():
        root = "/apis" if "/" in version else "/api"
        documents[f"{root}/{version}"] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
    return documents


def _handler(documents: dict[str, Document]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path.split("?")[0])
            status = 404 if found is None else 200
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or missing).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Says nothing: Helm's own output is what a failure shows."""

    return Handler

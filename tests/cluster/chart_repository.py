"""A chart repository on loopback with stand-ins for other people's operators.

Each stand-in has the name and version of the real chart, the kinds that it brings, and one Deployment in the place of
its programs. So Helm and Terraform do with it all that they would do, and no registry is asked.
"""

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.cluster.api import CRDS

IMAGE: Final = "registry.k8s.io/pause@sha256:278fb9dbcca9518083ad1e11276933a2e96f23de604a3a08cc3c80002767d24c"
KINDS: Final = '{{ range $path, $_ := .Files.Glob "kinds/*" }}---\n{{ $.Files.Get $path }}\n{{ end }}'
"""As files and not as templates: their descriptions are full of curly braces."""


def write(folder: Path, charts: Mapping[str, str], groups: Mapping[str, set[str]]) -> None:
    """`charts`: name -> version. `groups`: API group -> the charts that bring its kinds."""
    entries = {}
    for name, version in charts.items():
        kinds = [file for group, of in groups.items() if name in of for file in sorted((CRDS / group).glob("*.json"))]
        description = {"apiVersion": "v2", "name": name, "version": version, "type": "application"}
        files = {
            "Chart.yaml": json.dumps(description),
            "templates/kinds.yaml": KINDS,
            "templates/operator.yaml": json.dumps(_deployment(name)),
            **{f"kinds/{file.name}": file.read_text() for file in kinds},
        }
        archive = folder / f"{name}-{version}.tgz"
        archive.write_bytes(_archive(name, files))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        entries[name] = [{**description, "urls": [archive.name], "digest": digest}]
    # JSON is YAML.
    (folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": entries}))


def _archive(name: str, files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    container = {
        "name": "operator",
        "image": IMAGE,
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"memory": "16Mi", "ephemeral-storage": "16Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": security, "containers": [container]},
            },
        },
    }


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()

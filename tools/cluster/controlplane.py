"""etcd, API server, controller manager, scheduler and kwok, as one thing to start and to throw away.

The flags and what they are for: docs/adr/0006-control-plane-without-containers.md.
"""

import http.client
import json
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tools.cluster import certificates
from tools.cluster.processes import Program, free_ports
from tools.cluster.scratch import ScratchFolder

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = ROOT / ".tools" / "controlplane"
NAMES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
STAGES: Final = Path(__file__).with_name("stages.yaml")
VERSIONS: Final = ROOT / "tools/controlplane/go.sum"
PATIENCE_SECONDS: Final = 60.0


class ClusterFailed(Exception):
    """The control plane did not start, and what its programs said last."""


class Ended(Exception):
    """`end` was called."""


def lacking() -> str:
    """What is to be done before a control plane can start; nothing where it can."""
    if missing := [name for name in NAMES if not (PROGRAMS / name).exists()]:
        return f"{', '.join(missing)} not built yet: make cluster-tools (about 10 minutes, once)"
    built_from = PROGRAMS / "built-from.sum"
    if not built_from.exists() or built_from.read_bytes() != VERSIONS.read_bytes():
        return f"{PROGRAMS} holds other versions than {VERSIONS} asks for: make cluster-tools"
    return ""


class ControlPlane:
    """A cluster for as long as the `with` lasts. Its nodes and pods are kwok's: they exist in the API alone."""

    def __init__(self, *, nodes: int = 3, controller_manager: Mapping[str, str] | None = None) -> None:
        self._nodes, self._flags = nodes, dict(controller_manager or {})
        self._scratch = ScratchFolder("portal-cluster-")
        self._folder = self._scratch.path
        self._programs: dict[str, Program] = {}
        self._stopped = self._ending = False
        self._ports = dict(zip(("etcd", "peer", "api", "controllers", "scheduler", "kwok"), free_ports(6), strict=True))
        self._token = secrets.token_urlsafe(24)
        self.certificates = certificates.make(self._folder)
        self.server = f"https://127.0.0.1:{self._ports['api']}"
        self.kubeconfig = self._folder / "kubeconfig"
        tls = ssl.create_default_context(cafile=str(self.certificates.authority))
        # A proxy that the environment names is for the world outside: it does not find our loopback.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )

    def __enter__(self) -> Self:
        try:
            self._write_kubeconfig()
            self._start_etcd()
            self.start_apiserver()
            self.wait(lambda: self.get("/readyz") == "ok", "API server")
            self._start_controllers()
            self._add_nodes()
            self.wait(self._complete, "nodes and service accounts")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopped = True
        for program in reversed(self._programs.values()):
            program.kill()
        self._scratch.remove()

    def end(self) -> None:
        """For signal handlers: whoever starts it or waits for it gets Ended, and no program is left half-started."""
        self._ending = True

    def pids(self) -> dict[str, int]:
        return {name: program.pid for name, program in self._programs.items()}

    def _start(self, name: str, *flags: str) -> None:
        try:
            self._programs[name] = Program([PROGRAMS / name, *flags], self._folder / f"{name}.log")
        except OSError as error:
            raise ClusterFailed(f"{PROGRAMS / name} is not usable ({error.strerror}): make cluster-tools") from error

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd", "peer"))
        self._start(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # What is thrown away need not be on disk.
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def start_apiserver(self) -> None:
        """Also after `kill("kube-apiserver")`: it comes back on its port with all it had."""
        keys = self.certificates
        tokens = self._folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{self._token},admin,admin,"system:masters"\n')
        self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # Endpoints may not be on loopback, and no pod is there to use them.
            "--endpoint-reconciler-type=none",
            f"--secure-port={self._ports['api']}",
            f"--tls-cert-file={keys.serving}",
            f"--tls-private-key-file={keys.serving_key}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=Node,RBAC",
            # Else the server itself refuses privileged pods, and nobody learns whether Pod Security does.
            "--allow-privileged=true",
            "--service-cluster-ip-range=10.100.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys.accounts_key}",
            f"--service-account-signing-key-file={keys.accounts_key}",
            # For aggregated APIs: the server shows itself to them with this certificate.
            f"--requestheader-client-ca-file={keys.authority}",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={keys.proxy}",
            f"--proxy-client-key-file={keys.proxy_key}",
            "--max-requests-inflight=0",
            "--max-mutating-requests-inflight=0",
            "--enable-priority-and-fairness=false",
        )

    def _start_controllers(self) -> None:
        common = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1")
        self._start(
            "kube-controller-manager",
            *common,
            f"--secure-port={self._ports['controllers']}",
            f"--service-account-private-key-file={self.certificates.accounts_key}",
            f"--root-ca-file={self.certificates.authority}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            *(f"--{name}={value}" for name, value in self._flags.items()),
        )
        self._start("kube-scheduler", *common, f"--secure-port={self._ports['scheduler']}")
        self._start(
            "kwok",
            f"--kubeconfig={self.kubeconfig}",
            f"--config={STAGES}",
            "--manage-all-nodes",
            "--node-ip=127.0.0.1",
            "--cidr=10.244.0.0/16",
            f"--server-address=127.0.0.1:{self._ports['kwok']}",
        )

    def _add_nodes(self) -> None:
        size = {"cpu": "1000", "memory": "1Ti", "pods": "10000", "ephemeral-storage": "1Ti"}
        for index in range(self._nodes):
            labels = {
                "kubernetes.io/hostname": f"node-{index}",
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": f"zone-{index % 3}",
            }
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": f"node-{index}", "labels": labels},
                "status": {"allocatable": size, "capacity": size},
            }
            self.request("POST", "/api/v1/nodes", node)

    def _complete(self) -> bool:
        nodes = self.request("GET", "/api/v1/nodes")["items"]
        conditions = [c for node in nodes for c in node["status"].get("conditions", ()) if c["type"] == "Ready"]
        if sum(c["status"] == "True" for c in conditions) < self._nodes:
            return False
        return self.get("/api/v1/namespaces/default/serviceaccounts/default") is not None

    def kill(self, name: str) -> None:
        """One of its programs, at once; for tests of what happens then."""
        self._programs.pop(name).kill()

    def wait(self, until: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Until it is so. Raises ClusterFailed when a program ends or the patience does, and Ended."""
        deadline = time.monotonic() + seconds
        refused: OSError | None = None
        while True:
            try:
                if until():
                    return
                refused = None
            except OSError as error:
                refused = error
            self.check()
            if time.monotonic() > deadline:
                last = "\n".join(f"{each.name}: {each.last_words(2)}" for each in self._programs.values())
                why = f" ({refused})" if refused else ""
                raise ClusterFailed(f"no {what} within {seconds:.0f} s{why}:\n{last}") from refused
            time.sleep(0.1)

    def check(self) -> None:
        """Raises ClusterFailed when a program of it has ended, and Ended."""
        if self._ending:
            raise Ended
        dead = [program for program in self._programs.values() if program.ended() is not None]
        if dead:
            raise ClusterFailed(f"{dead[0].name} ended with {dead[0].ended()}:\n{dead[0].last_words()}")

    def get(self, path: str) -> str | None:
        """The answer's text; None where there is nothing."""
        try:
            return self._open("GET", path).decode()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """JSON in and out."""
        return json.loads(self._open(method, path, body, content_type))

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Events of a collection from its beginning, for as long as the cluster lives.

        The API server drops a reader that is slow, forgets what was, and may itself go and come back: then the rest is
        asked for, or the whole anew, and what has gone meanwhile is told as DELETED.
        """
        known: dict[str, dict[str, Any]] = {}
        version = ""
        while not self._stopped:
            try:
                if not version:
                    listed = self.request("GET", path)
                    version = listed["metadata"]["resourceVersion"]
                    there = {item["metadata"]["uid"]: item for item in listed["items"]}
                    yield from ({"type": "DELETED", "object": known[uid]} for uid in known.keys() - there.keys())
                    for uid, item in there.items():
                        if uid not in known:
                            yield {"type": "ADDED", "object": item}
                        elif item["metadata"]["resourceVersion"] != known[uid]["metadata"]["resourceVersion"]:
                            yield {"type": "MODIFIED", "object": item}
                    known = there
                for event in self._events(f"{path}?watch=1&resourceVersion={version}"):
                    if event["type"] == "ERROR":
                        version = ""
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    known[event["object"]["metadata"]["uid"]] = event["object"]
                    if event["type"] == "DELETED":
                        del known[event["object"]["metadata"]["uid"]]
                    yield event
            except urllib.error.HTTPError as error:
                version = "" if error.code == 410 else version
                time.sleep(0.1)
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)

    def _events(self, path: str) -> Iterator[dict[str, Any]]:
        request = urllib.request.Request(self.server + path, headers=self._headers())
        with self._opener.open(request) as response:
            yield from map(json.loads, response)

    def _open(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers() | {"Content-Type": content_type}
        request = urllib.request.Request(self.server + path, data=data, headers=headers, method=method)
        with self._opener.open(request, timeout=30) as response:
            answer: bytes = response.read()
            return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _write_kubeconfig(self) -> None:
        self.kubeconfig.touch(mode=0o600)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "portal-cluster",
            "contexts": [{"name": "portal-cluster", "context": {"cluster": "portal-cluster", "user": "admin"}}],
            "clusters": [
                {
                    "name": "portal-cluster",
                    "cluster": {"server": self.server, "certificate-authority": str(self.certificates.authority)},
                }
            ],
            "users": [{"name": "admin", "user": {"token": self._token}}],
        }
        self.kubeconfig.write_text(json.dumps(config, indent=1))

"""Puts objects before an API server and keeps what it says."""

import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes.client
import kubernetes.config

Object = Mapping[str, Any]

CRDS = Path(__file__).parents[1] / "data/crds"
PATIENCE_SECONDS = 30.0
SIGHT_SECONDS = 10.0
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

OWNER = "portal-acceptance"
"""Who the fields belong to, in server-side apply."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one object. `warnings` are the server's, also where it accepts."""

    status: int
    message: str
    warnings: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        return self.status < 300


class Theirs(Exception):
    """An object of this name is there already, and was not made here."""


class Api:
    """The cluster of a kubeconfig's current context. It keeps in mind what it made, and touches nothing else."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        contexts = kubernetes.config.list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]
        self.context = str(contexts[1]["name"])
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), client_configuration=configuration
        )
        if urlsplit(configuration.host).hostname in ("127.0.0.1", "localhost", "::1"):
            # A proxy that the environment names does not find our loopback.
            configuration.proxy = None
        self.server = configuration.host
        self._client = kubernetes.client.ApiClient(configuration)
        self._kinds = cache(self._discover)
        self._made: list[str] = []

    def apply(self, object: Object, *, namespace: str | None = None, dry_run: bool) -> Answer:
        """Server-side apply, refusing unknown fields; a dry run goes through all admission and is not stored.

        Raises Theirs instead of changing, for real, what was not made here.
        """
        path = f"{self.path(object, namespace)}/{object['metadata']['name']}"
        new = not dry_run and path not in self._made
        if new and self.has(path):
            raise Theirs(f"{self.server} has {path} already, and it is not the tests'")
        query = [("fieldManager", OWNER), ("force", "true"), ("fieldValidation", "Strict")]
        query += [("dryRun", "All")] if dry_run else []
        answer = self._ask("PATCH", path, query, object, "application/apply-patch+yaml")
        if new and answer.accepted:
            self._made.append(path)
        return answer

    def create(self, object: Object, *, namespace: str | None = None) -> Answer:
        """A dry run of creating it."""
        query = [("dryRun", "All"), ("fieldValidation", "Strict")]
        return self._ask("POST", self.path(object, namespace), query, object, "application/json")

    def delete(self, object: Object, *, namespace: str | None = None) -> None:
        self._delete(f"{self.path(object, namespace)}/{object['metadata']['name']}")

    def clear(self) -> None:
        """Deletes what was made here, the newest first, and waits until it is gone."""
        last = [path for path in self._made if path.startswith("/api/v1/nodes/")]
        # A pod ends where its node is still there to end it.
        for made in ([path for path in reversed(self._made) if path not in last], last):
            for path in made:
                self._delete(path)
            for path in made:
                self._wait_for_end(path)
        self._made.clear()
        self.forget_kinds()

    def _wait_for_end(self, path: str) -> None:
        for _ in range(12):
            with suppress(AssertionError):
                return wait(lambda: not self.has(path), f"end of {path}", seconds=SIGHT_SECONDS)
            self._touch(path)
        raise AssertionError(f"no end of {path}")

    def _touch(self, path: str) -> None:
        """The API server at times loses sight of a definition that is to end, until something of it changes."""
        touched = {"metadata": {"annotations": {"portal/touched": str(time.time())}}}
        self._ask("PATCH", path, [], touched, "application/merge-patch+json")

    @contextmanager
    def in_sight(self) -> Iterator[None]:
        """Definitions that are to end stay so for the API server, while somebody else waits for that."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(SIGHT_SECONDS):
                for item in self.read(DEFINITIONS)["items"]:
                    if "deletionTimestamp" in item["metadata"]:
                        self._touch(f"{DEFINITIONS}/{item['metadata']['name']}")

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def _delete(self, path: str) -> None:
        self._ask("DELETE", path, [("propagationPolicy", "Background")], None, "")

    def has(self, path: str) -> bool:
        status, _, body = self._request("GET", path, [], None, "")
        if status not in (200, 404):
            raise LookupError(f"{path}: {status} {body}")
        return status == 200

    def cluster_scoped(self) -> set[str]:
        """The name of everything that is in no namespace, under "kind name"."""
        groups = [group["preferredVersion"]["groupVersion"] for group in self.read("/apis")["groups"]]
        return {
            f"{kind['kind']} {item['metadata']['name']}"
            for version in ("v1", *groups)
            for kind in self.read(_root(version))["resources"]
            if not kind["namespaced"] and "list" in kind["verbs"]
            for item in self.read(f"{_root(version)}/{kind['name']}")["items"]
        }

    def read(self, path: str) -> dict[str, Any]:
        status, _, body = self._request("GET", path, [], None, "")
        if status != 200:
            raise LookupError(f"{self.server}{path}: {status}")
        found: dict[str, Any] = json.loads(body)
        return found

    def path(self, object: Object, namespace: str | None = None) -> str:
        """Of the collection that an object belongs in. Raises LookupError for a kind that the server does not know."""
        version, kind = object["apiVersion"], object["kind"]
        try:
            plural, namespaced = self._kinds(version)[kind]
        except LookupError as error:
            advice = "a chart that makes a new kind needs its definition in tests/data/crds"
            raise LookupError(f"the server knows no {kind} of {version}: {advice}") from error
        place = object["metadata"].get("namespace", namespace)
        return f"{_root(version)}/namespaces/{place}/{plural}" if namespaced else f"{_root(version)}/{plural}"

    def forget_kinds(self) -> None:
        """After new ones were defined."""
        self._kinds.cache_clear()

    def _discover(self, version: str) -> dict[str, tuple[str, bool]]:
        resources = self.read(_root(version))["resources"]
        return {r["kind"]: (r["name"], r["namespaced"]) for r in resources if "/" not in r["name"]}

    def _ask(self, method: str, path: str, query: list[tuple[str, str]], body: Any, content_type: str) -> Answer:
        status, headers, text = self._request(method, path, query, body, content_type)
        message = "" if status < 300 else json.loads(text).get("message", text)
        return Answer(status=status, message=message, warnings=tuple(headers.getlist("Warning")))

    def _request(
        self, method: str, path: str, query: list[tuple[str, str]], body: Any, content_type: str
    ) -> tuple[int, Any, str]:
        request = self._client.param_serialize(
            method,
            path,
            query_params=query,
            header_params={"Accept": "application/json"} | ({"Content-Type": content_type} if body else {}),
            body=body,
            auth_settings=["BearerToken"],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            response = self._client.call_api(*request, _request_timeout=30)
            text = response.read()  # type: ignore[no-untyped-call]
        return response.status, response.headers, text.decode()


def definitions() -> dict[str, Object]:
    """Of all kinds of custom resources, by the path that the server has them under."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(CRDS.glob("*/*.json"))]
    return {f"{DEFINITIONS}/{each['metadata']['name']}": each for each in found}


def define(api: Api) -> None:
    """Makes all kinds of custom resources known. A definition that is there already stays as it is."""
    for path, definition in definitions().items():
        if not api.has(path):
            answer = api.apply(definition, dry_run=False)
            assert answer.accepted, f"{path}: {answer.message}"

        def established(path: str = path) -> bool:
            status = api.read(path).get("status", {})
            return any(c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions") or ())

        wait(established, f"definition {path}")
    api.forget_kinds()


def wait(until: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.1)


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"

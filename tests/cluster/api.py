"""Puts objects before an API server and keeps what it says."""

import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config

Object = Mapping[str, Any]

CRDS = Path(__file__).parents[1] / "data/crds"
PATIENCE_SECONDS = 30.0

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


class Api:
    """Whatever cluster a kubeconfig names."""

    def __init__(self, kubeconfig: Path) -> None:
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), client_configuration=configuration
        )
        self._client = kubernetes.client.ApiClient(configuration)
        self._kinds = cache(self._discover)

    def apply(self, object: Object, *, namespace: str | None = None, dry_run: bool) -> Answer:
        """Server-side apply, refusing unknown fields; a dry run goes through all admission and is not stored."""
        path = f"{self.path(object, namespace)}/{object['metadata']['name']}"
        query = [("fieldManager", OWNER), ("force", "true"), ("fieldValidation", "Strict")]
        query += [("dryRun", "All")] if dry_run else []
        return self._ask("PATCH", path, query, object, "application/apply-patch+yaml")

    def create(self, object: Object, *, namespace: str | None = None) -> Answer:
        """A dry run of creating it."""
        query = [("dryRun", "All"), ("fieldValidation", "Strict")]
        return self._ask("POST", self.path(object, namespace), query, object, "application/json")

    def delete(self, object: Object, *, namespace: str | None = None) -> None:
        self._ask("DELETE", f"{self.path(object, namespace)}/{object['metadata']['name']}", [], None, "")

    def read(self, path: str) -> dict[str, Any]:
        status, _, body = self._request("GET", path, [], None, "")
        if status != 200:
            raise LookupError(f"{path}: {status}")
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


def define(api: Api) -> None:
    """Makes all kinds of custom resources known."""
    for file in sorted(CRDS.glob("*/*.json")):
        definition = json.loads(file.read_text(encoding="utf-8"))
        answer = api.apply(definition, dry_run=False)
        assert answer.accepted, f"{file.name}: {answer.message}"
        name = definition["metadata"]["name"]

        def established(name: str = name) -> bool:
            status = api.read(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}").get("status", {})
            return any(c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions") or ())

        wait(established, f"definition {name}")
    api.forget_kinds()


def wait(until: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.1)


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"

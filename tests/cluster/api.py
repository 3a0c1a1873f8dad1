"""Puts objects before an API server and keeps what it says."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config

Object = Mapping[str, Any]

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


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"

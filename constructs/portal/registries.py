"""Digests as registries tell them: OCI images, Helm chart repositories, Terraform providers.

Whatever does not answer is `unresolved`: a digest is read, never guessed.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage

import yaml

UNRESOLVED = "unresolved"

TIMEOUT_SECONDS = 10

SCHEME = "https"

PROVIDER_REGISTRY = "https://registry.terraform.io"
"""Where Terraform looks for a provider whose source names no host. Source: Terraform, "Provider Requirements"."""

MANIFEST_TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class Registries:
    """Asks registries, and no host twice that was out of reach once."""

    def __init__(self) -> None:
        self._out_of_reach: set[str] = set()
        self._indexes: dict[str, bytes | None] = {}

    def chart_digest(self, *, repository: str, name: str, version: str) -> str:
        """Digest of a packaged chart: from the index of an HTTP repository, or of its manifest in an OCI registry."""
        if repository.startswith("oci://"):
            return self.image_digest(repository=f"{repository.removeprefix('oci://')}/{name}", tag=version)
        if repository not in self._indexes:
            self._indexes[repository] = self._get(f"{repository.rstrip('/')}/index.yaml")
        index = self._indexes[repository]
        entries = (yaml.load(index, Loader=yaml.CSafeLoader) or {}).get("entries", {}) if index else {}
        for entry in entries.get(name, ()):
            if entry.get("version") == version and entry.get("digest"):
                return f"sha256:{entry['digest'].removeprefix('sha256:')}"
        return UNRESOLVED

    def image_digest(self, *, repository: str, tag: str) -> str:
        """Digest of an image's manifest. Source: OCI distribution specification, "Pulling manifests"."""
        host, _, path = repository.partition("/")
        url = f"{SCHEME}://{host}/v2/{path}/manifests/{tag}"
        headers = self._head(url, {"Accept": MANIFEST_TYPES})
        return headers.get("Docker-Content-Digest", UNRESOLVED) if headers else UNRESOLVED

    def provider_digest(self, *, source: str, version: str) -> str:
        """SHA-256 of a provider's Linux package for amd64. Source: Terraform, "Provider Registry Protocol"."""
        answer = self._get(f"{PROVIDER_REGISTRY}/v1/providers/{source}/{version}/download/linux/amd64")
        return f"sha256:{json.loads(answer)['shasum']}" if answer else UNRESOLVED

    def _get(self, url: str) -> bytes | None:
        answer = self._request(urllib.request.Request(url))
        return answer[1] if answer else None

    def _head(self, url: str, headers: Mapping[str, str]) -> HTTPMessage | None:
        """The headers of a manifest, with an anonymous token where the registry asks for one."""
        try:
            answer = self._request(urllib.request.Request(url, headers=dict(headers), method="HEAD"))
        except _Unauthorized as refusal:
            token = self._token(refusal.challenge)
            if token is None:
                return None
            signed = {**headers, "Authorization": f"Bearer {token}"}
            answer = self._request(urllib.request.Request(url, headers=signed, method="HEAD"))
        return answer[0] if answer else None

    def _token(self, challenge: str) -> str | None:
        """Source: CNCF distribution, "Token Authentication Specification"."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        if "realm" not in fields:
            return None
        query = urllib.parse.urlencode({key: fields[key] for key in ("service", "scope") if key in fields})
        answer = self._get(f"{fields['realm']}?{query}")
        if answer is None:
            return None
        body = json.loads(answer)
        token: str | None = body.get("token") or body.get("access_token")
        return token

    def _request(self, request: urllib.request.Request) -> tuple[HTTPMessage, bytes] | None:
        host = urllib.parse.urlsplit(request.full_url).netloc
        if host in self._out_of_reach:
            return None
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return response.headers, response.read()
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code == 401 and challenge and "Authorization" not in request.headers:
                raise _Unauthorized(challenge) from None
            return None
        except (OSError, HTTPException):
            self._out_of_reach.add(host)
            return None


class _Unauthorized(Exception):
    def __init__(self, challenge: str) -> None:
        super().__init__(challenge)
        self.challenge = challenge

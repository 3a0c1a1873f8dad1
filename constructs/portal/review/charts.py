"""Which charts the real helm provider can open from here."""

import urllib.error
import urllib.request
from typing import Any

from portal.review.references import Document

SECONDS_TO_ANSWER = 5


def repositories(document: Document) -> set[str]:
    """The chart repositories that a stack's releases name."""
    return {release["repository"] for release in _releases(document).values() if release.get("repository")}


def unreachable(repository: str) -> str | None:
    """Why a chart repository, HTTP or OCI, cannot be asked from this machine; None if it can.

    An answer of "no such page" or "who are you" is an answer: then the helm provider has the last word.
    """
    if repository.startswith("oci://"):
        url = f"https://{repository.removeprefix('oci://').split('/')[0]}/v2/"
    else:
        url = f"{repository.rstrip('/')}/index.yaml"
    try:
        urllib.request.urlopen(url, timeout=SECONDS_TO_ANSWER).close()
    except urllib.error.HTTPError as error:
        return None if error.code in (401, 404) else f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason)
    return None


def without(document: Document, closed: set[str]) -> dict[str, Any]:
    """The stack without the releases whose chart is in one of the `closed` repositories."""
    kept = {name: body for name, body in _releases(document).items() if body.get("repository") not in closed}
    resources = {**document.get("resource", {}), "helm_release": kept}
    # Terraform takes no type without a resource.
    return {**document, "resource": {type: by_name for type, by_name in resources.items() if by_name}}


def _releases(document: Document) -> dict[str, Any]:
    releases: dict[str, Any] = document.get("resource", {}).get("helm_release", {})
    return releases

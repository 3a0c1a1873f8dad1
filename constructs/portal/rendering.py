"""The project's own charts as a synthesized stack releases them, rendered by the real Helm."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from portal.errors import PortalError
from portal.helm_values import decoded
from portal.spec.versions import load_versions
from portal.synthesis import ROOT

Object = dict[str, Any]

KNOWN_AFTER_APPLY = {
    "address": "store.example.com",
    "arn": "arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/portal/0123456789abcdef",
    "client_id": "00000000-0000-0000-0000-00000000000c",
    "configuration_endpoint_address": "store.example.com",
    "email": "portal@example-portal.iam.gserviceaccount.com",
    "endpoint": "store.example.com",
    "id": "portal",
    "name": "portal",
    "secret_arn": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:portal",
    "vault_uri": "https://portal.vault.azure.net/",
}
"""For each attribute of a resource that values refer to: a value of the form that it will have."""


@dataclass(frozen=True, kw_only=True)
class OwnRelease:
    """A release of one of our charts. `digest`: of the chart's files; `values`: JSON, so that equal ones compare equal.

    Stacks that release the same chart with the same values share one rendering: where the chart lies does not count.
    """

    name: str
    namespace: str
    digest: str
    values: str
    chart: Path = field(compare=False)


def own_releases(document: Mapping[str, Any], folder: Path) -> list[OwnRelease]:
    """The releases of own charts in a stack's JSON, by name. `folder`: where the stack and its assets lie.

    What Terraform will know only after an apply stands as an example: see `KNOWN_AFTER_APPLY`.
    """
    found = [
        OwnRelease(
            name=body["name"],
            namespace=body["namespace"],
            digest=Path(body["chart"]).name,
            values=json.dumps(decoded(body["values"], known=example), sort_keys=True),
            chart=folder / body["chart"],
        )
        for body in document["resource"].get("helm_release", {}).values()
        if body["chart"].startswith("assets/")
    ]
    return sorted(found, key=lambda release: release.name)


@cache
def render(release: OwnRelease) -> tuple[Object, ...]:
    """The objects that `helm template` makes of a release. Raises `PortalError` with Helm's words if it refuses."""
    version = load_versions().kubernetes.version
    command = [find_tool("helm"), "template", release.name, str(release.chart), "--namespace", release.namespace]
    done = subprocess.run(
        [*command, "--kube-version", version, "--values", "-"],
        input=release.values,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PortalError(f"Helm refuses release {release.name} in {release.namespace}: {done.stderr.strip()}")
    return tuple(found for found in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if found)


@cache
def find_tool(name: str) -> str:
    """A program that `make tools` builds, from the checkout or PATH. Raises `PortalError` if there is none."""
    found = shutil.which(name, path=f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise PortalError(f"{name} is not on this machine: make tools builds it.")
    return found


def example(expression: str) -> str:
    """What a Terraform expression may become: one reference, or a quoted text with references in it.

    Raises `PortalError` for a reference to an attribute that has no example.
    """
    if expression.startswith('"'):
        return re.sub(r"\$\{(.*?)\}", lambda found: example(found[1]), str(json.loads(expression)))
    attribute = re.sub(r"\[[^\]]*\]", "", expression).rpartition(".")[2]
    if attribute not in KNOWN_AFTER_APPLY:
        raise PortalError(
            f"Values refer to {expression}: give an example of `{attribute}` in KNOWN_AFTER_APPLY, "
            "constructs/portal/rendering.py."
        )
    return KNOWN_AFTER_APPLY[attribute]

"""Everything that a deploy downloads: charts, images, providers, with version and digest.

For people who carry these through a firewall into mirrors of their own.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from portal.registries import UNRESOLVED, Registries
from portal.spec.environment import KubernetesLayer
from portal.spec.versions import Charts, Versions
from portal.spec.workloads import Image

RENDER_TIMEOUT_SECONDS = 60

IMAGE_LINE = re.compile(r"^\s*(?:- )?image: *[\"']?([^\"'\s]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, order=True)
class Item:
    """One thing to carry. `source`: what serves it; `digest`: `sha256:...` or `unresolved`."""

    kind: Literal["chart", "image", "provider"]
    name: str
    version: str
    source: str
    digest: str


def bundle(
    *,
    versions: Versions,
    layers: Iterable[KubernetesLayer],
    documents: Iterable[Mapping[str, Any]],
    registries: Registries,
    helm: str,
) -> Iterator[Item]:
    """Every item, each once. `documents`: the synthesized stacks, which say what providers they need.

    `helm`: the program, which knows what images a chart runs.
    """
    for name in versions.charts.releases:
        yield _chart(versions.charts, name, registries)
    for operand in versions.images.values():
        yield _image(operand.reference, registries)
    for image in sorted({image for layer in layers for image in _own_images(layer)}, key=lambda i: i.reference):
        yield _image(image.reference, registries, version="example" if image.example else "-")
    for name in versions.charts.releases:
        for reference in chart_images(versions.charts, name, helm=helm):
            yield _image(reference, registries)
    needed = {
        name: want for document in documents for name, want in document["terraform"]["required_providers"].items()
    }
    for name, want in sorted(needed.items()):
        source = want["source"] if "/" in want["source"] else f"hashicorp/{want['source']}"
        digest = registries.provider_digest(source=source, version=want["version"])
        yield Item(kind="provider", name=name, version=want["version"], source=source, digest=digest)


def chart_images(charts: Charts, name: str, *, helm: str) -> list[str]:
    """The images that a third-party chart runs at its defaults, by rendering it with the real helm.

    One entry `unresolved` if the chart cannot be downloaded.
    """
    repository = charts.repository_of(name)
    oci = repository.startswith("oci://")
    where = [f"{repository}/{name}"] if oci else [name, "--repo", repository]
    command = [helm, "template", name, *where, "--version", charts.releases[name].version]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RENDER_TIMEOUT_SECONDS, check=True)
    except subprocess.SubprocessError:
        return [f"(images of chart {name}):{UNRESOLVED}"]
    return sorted(set(IMAGE_LINE.findall(done.stdout)))


def split_reference(reference: str) -> tuple[str, str, str]:
    """`repository[:tag][@digest]` as (repository, tag, digest), empty where absent."""
    rest, _, digest = reference.partition("@")
    repository, colon, tag = rest.rpartition(":")
    return (repository, tag, digest) if colon and "/" not in tag else (rest, "", digest)


def _own_images(layer: KubernetesLayer) -> tuple[Image, Image]:
    return layer.portal.frontend.image, layer.portal.backend.image


def _chart(charts: Charts, name: str, registries: Registries) -> Item:
    version, source = charts.releases[name].version, charts.repository_of(name)
    digest = registries.chart_digest(repository=source, name=name, version=version)
    return Item(kind="chart", name=name, version=version, source=source, digest=digest)


def _image(reference: str, registries: Registries, *, version: str = "-") -> Item:
    repository, tag, digest = split_reference(reference)
    if not digest:
        known = tag and tag != UNRESOLVED
        digest = registries.image_digest(repository=repository, tag=tag) if known else UNRESOLVED
    host = repository.partition("/")[0] if "." in repository.partition("/")[0] else "-"
    return Item(kind="image", name=repository, version=tag or version, source=host, digest=digest)

"""The bundle names everything that a deploy downloads."""

import pytest

from portal import bundle as module
from portal.bundle import bundle, chart_images, split_reference
from portal.registries import UNRESOLVED, Registries
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("ghcr.io/a/b:1.2", ("ghcr.io/a/b", "1.2", "")),
        ("ghcr.io/a/b@sha256:0", ("ghcr.io/a/b", "", "sha256:0")),
        ("ghcr.io/a/b:1.2@sha256:0", ("ghcr.io/a/b", "1.2", "sha256:0")),
        ("localhost:5000/a", ("localhost:5000/a", "", "")),
        ("localhost:5000/a:1", ("localhost:5000/a", "1", "")),
    ],
)
def test_a_reference_is_split_at_tag_and_digest(reference: str, parts: tuple[str, str, str]) -> None:
    assert split_reference(reference) == parts


class Unreachable(Registries):
    """Registries behind a closed firewall."""

    def _request(self, request: object) -> None:
        return None


def test_everything_is_listed_and_nothing_is_guessed_behind_a_firewall(
    stack: StackOf, environments: Environments, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "chart_images", lambda charts, name: [f"registry.example.com/{name}:1"])
    layers = [*environments.tiers.values(), environments.local]
    documents = [stack("prod-aws").document, stack("local").document]
    items = list(bundle(versions=versions, layers=layers, documents=documents, registries=Unreachable()))
    kinds = ("chart", "image", "provider")
    by_kind = {kind: {item.name: item for item in items if item.kind == kind} for kind in kinds}
    assert set(by_kind["chart"]) == set(versions.charts.releases)
    assert set(by_kind["provider"]) == {"aws", "helm", "kubernetes", "time"}
    assert {image.repository for image in versions.images.values()} <= set(by_kind["image"])
    assert "registry.example.com/cloudnative-pg" in by_kind["image"]
    own = by_kind["image"]["registry.example.com/portal/frontend"]
    assert own.version == "example"
    assert own.digest == environments.tiers["prod"].portal.frontend.image.digest
    assert {item.digest for item in by_kind["chart"].values()} == {UNRESOLVED}


def test_a_chart_that_cannot_be_rendered_says_so(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert chart_images(versions.charts, "cloudnative-pg") == [f"(images of chart cloudnative-pg):{UNRESOLVED}"]

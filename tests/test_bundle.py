"""The bundle names everything that a deploy downloads."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from portal import __main__ as cli
from portal import bundle as module
from portal import rendering
from portal.bundle import Item, bundle, chart_images, split_reference
from portal.commands import bundle as command
from portal.registries import UNRESOLVED, Registries
from portal.rendering import find_tool
from portal.spec.loader import Environments
from portal.spec.versions import Charts, Versions
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
    monkeypatch.setattr(module, "chart_images", lambda charts, name, helm: [f"registry.example.com/{name}:1"])
    layers = [*environments.tiers.values(), environments.local]
    documents = [stack("prod-aws").document, stack("local").document]
    items = list(bundle(versions=versions, layers=layers, documents=documents, registries=Unreachable(), helm="helm"))
    kinds = ("chart", "image", "provider")
    by_kind = {kind: {item.name: item for item in items if item.kind == kind} for kind in kinds}
    assert set(by_kind["chart"]) == set(versions.charts.releases)
    assert {name: item.source for name, item in by_kind["provider"].items()} == {
        name: f"hashicorp/{name}" for name in ("aws", "helm", "kubernetes", "random", "time")
    }
    assert {image.repository for image in versions.images.values()} <= set(by_kind["image"])
    assert "registry.example.com/cloudnative-pg" in by_kind["image"]
    own = by_kind["image"]["registry.example.com/portal/frontend"]
    assert own.version == "example"
    assert own.digest == environments.tiers["prod"].portal.frontend.image.digest
    assert {item.digest for item in by_kind["chart"].values()} == {UNRESOLVED}


@pytest.fixture
def helm(tmp_path: Path) -> Path:
    """A helm that keeps its arguments, one a line, in `asked`, then prints a chart with images."""
    printed = (
        "kind: Pod\nspec:\n  containers:\n    - image: quay.io/a/b:1\n    - name: c\n      image: 'quay.io/c/d:2'\n"
    )
    program = tmp_path / "helm"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/asked\ncat <<'END'\n{printed}END\n")
    program.chmod(0o755)
    return program


def test_a_charts_images_are_found_wherever_they_stand_in_a_list_item(versions: Versions, helm: Path) -> None:
    assert chart_images(versions.charts, "cloudnative-pg", helm=str(helm)) == ["quay.io/a/b:1", "quay.io/c/d:2"]


def test_helm_is_told_where_the_chart_is(versions: Versions, helm: Path) -> None:
    def asked(charts: Charts) -> list[str]:
        chart_images(charts, "cloudnative-pg", helm=str(helm))
        return helm.with_name("asked").read_text().split()

    words = asked(versions.charts)
    assert words[words.index("--repo") + 1] == versions.charts.releases["cloudnative-pg"].repository
    assert words[words.index("--version") + 1] == versions.charts.releases["cloudnative-pg"].version
    words = asked(versions.charts.model_copy(update={"mirror": "oci://mirror.example.com/charts"}))
    assert "oci://mirror.example.com/charts/cloudnative-pg" in words
    assert "--repo" not in words


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 60"], ids=["fails", "never ends"])
def test_a_chart_that_cannot_be_rendered_is_unresolved(
    script: str, versions: Versions, helm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helm.write_text(f"#!/bin/sh\n{script}\n")
    monkeypatch.setattr(module, "RENDER_TIMEOUT_SECONDS", 0.05)
    found = chart_images(versions.charts, "cloudnative-pg", helm=str(helm))
    assert found == [f"(images of chart cloudnative-pg):{UNRESOLVED}"]


def test_a_missing_helm_is_what_the_command_names_before_it_asks_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(command, "bundle", lambda **_: pytest.fail("asked"))
    assert cli.main(["bundle"]) == 2
    assert capsys.readouterr().err == "helm is not on this machine: make tools builds it.\n"


def test_the_checkouts_own_helm_is_used(
    helm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / ".tools" / "bin" / "helm"
    own.parent.mkdir(parents=True)
    helm.rename(own)
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(command, "stack_names", list)
    monkeypatch.setattr(command, "Registries", Unreachable)
    assert cli.main(["bundle", "--json"]) == 0
    assert "quay.io/c/d" in {item["name"] for item in json.loads(capsys.readouterr().out)}


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Where a program lies is looked up once a process."""
    find_tool.cache_clear()
    yield
    find_tool.cache_clear()


@pytest.mark.parametrize(("digest", "note"), [(UNRESOLVED, "1 of 1 are unresolved"), ("sha256:0", "")])
def test_the_command_prints_each_item_once_and_says_what_is_unresolved(
    digest: str, note: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = Item(kind="image", name="quay.io/a/b", version="1", source="quay.io", digest=digest)
    monkeypatch.setattr(command, "find_tool", str)
    monkeypatch.setattr(command, "stack_names", list)
    monkeypatch.setattr(command, "bundle", lambda **_: iter([item, item]))
    assert cli.main(["bundle", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [asdict(item)]
    assert printed.err.startswith(note)
    assert bool(printed.err) is bool(note)
    assert cli.main(["bundle"]) == 0
    assert "quay.io/a/b" in capsys.readouterr().out

"""A program that is not there: a reason to skip on a laptop, a failure in CI."""

import pytest

from portal.rendering import find_tool
from tests.charts import rendering


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "find_tool", find_tool.__wrapped__)
    monkeypatch.setattr("portal.rendering.ROOT", rendering.ROOT / "nowhere")
    monkeypatch.setenv("PATH", "")


@pytest.mark.parametrize("name", ["helm", "kubeconform", "promtool"])
def test_at_home_the_test_is_skipped_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"{name} is not on this machine: make tools builds it"):
        rendering.tool.__wrapped__(name)


@pytest.mark.parametrize("name", ["helm", "kubeconform", "promtool"])
def test_in_ci_it_fails(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"{name} is not on this machine: make tools builds it"):
        rendering.tool.__wrapped__(name)

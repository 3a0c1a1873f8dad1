"""Values read back from a stack's JSON, and what stands for what only Terraform knows."""

import subprocess
from pathlib import Path

import pytest

from portal import rendering
from portal.errors import PortalError
from portal.helm_values import decoded
from portal.rendering import KNOWN_AFTER_APPLY, OwnRelease, example, render
from tests.charts.rendering import tool
from tests.conftest import StackOf
from tests.kubernetes.rendered import releases_of


def test_later_documents_lie_over_earlier_ones() -> None:
    documents = ['{"a": {"b": 1, "c": "$${x}"}}', '{"a": {"b": ${jsonencode(aws_iam_role.x.arn)}}}']
    assert decoded(documents, known=lambda expression: f"<{expression}>") == {
        "a": {"b": "<aws_iam_role.x.arn>", "c": "${x}"}
    }


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("aws_iam_role.backup.arn", KNOWN_AFTER_APPLY["arn"]),
        ("azurerm_user_assigned_identity.x.client_id", KNOWN_AFTER_APPLY["client_id"]),
        ("kubernetes_namespace_v1.x.metadata[0].name", KNOWN_AFTER_APPLY["name"]),
        ('"https://${aws_bucket.x.id}.example.com"', f"https://{KNOWN_AFTER_APPLY['id']}.example.com"),
    ],
)
def test_an_example_stands_for_what_terraform_will_know(expression: str, value: str) -> None:
    assert example(expression) == value


def test_an_attribute_without_an_example_is_named() -> None:
    with pytest.raises(PortalError, match=r"aws_x\.y\.unheard: give an example of `unheard` in KNOWN_AFTER_APPLY"):
        example("aws_x.y.unheard")


def test_equal_releases_are_rendered_once(stack: StackOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever their charts lie."""
    first, second = ({r.name: r for r in releases_of(stack(name))} for name in ("prod-aws", "prod-azure"))
    assert first["redis-failover"] == second["redis-failover"]
    assert first["redis-failover"].chart != second["redis-failover"].chart
    rendered = render(first["redis-failover"])
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("rendered twice"))
    assert render(second["redis-failover"]) is rendered


def test_values_that_a_chart_refuses_are_an_error_with_helms_words(stack: StackOf) -> None:
    (portal,) = [release for release in releases_of(stack("local")) if release.name == "portal"]
    bad = OwnRelease(name="portal", namespace="x", digest="", values='{"domain": 1}', chart=portal.chart)
    with pytest.raises(PortalError, match=r"(?s)Helm refuses release portal in x: .*/domain"):
        render(bad)


def test_a_missing_tool_is_one_sentence_that_says_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool("helm")
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PortalError, match=r"helm is not on this machine: make tools builds it\."):
        rendering.find_tool.__wrapped__("helm")

"""What the committed examples must become before a deploy."""

from pathlib import Path

import pytest

from portal.preflight.blockers import examples
from portal.preflight.report import report
from portal.spec.loader import Environments, load_environments
from tests.conftest import ROOT, StackOf
from tests.kubernetes.test_release import EVERY_STACK

REPLACED = {
    "      example: true\n": "",
    "registry.example.com": "registry.acme.org",
    "login.example.com": "login.acme.org",
    "git.example.com": "git.acme.org",
    "@example.com": "@acme.org",
    "example.com": "acme.org",
    "example-org/": "acme/",
    "example-portal": "acme-portal",
    "198.51.100.0/24": "8.8.8.0/24",
    "111111111111": "111122223333",
    "222222222222": "222233334444",
    "333333333333": "333344445555",
    "444444444444": "444455556666",
    "00000000-0000-0000-0000": "6f1c0000-0000-4000-8000",
}
"""What somebody who puts this to use writes over, in this order."""


def rewritten(folder: Path, *, but: str | None = None) -> Environments:
    """The committed data with every example replaced, `but` one."""
    for source in (ROOT / "environments").glob("*.yaml"):
        text = source.read_text()
        for example, own in REPLACED.items():
            # A longer example that stays must not become half of itself.
            text = text.replace(example, "KEPT" if example == but else own)
        (folder / source.name).write_text(text.replace("KEPT", but or ""))
    return load_environments(folder)


def blockers(name: str, environments: Environments, stack: StackOf) -> tuple[str, ...]:
    return report(name, environments, read=lambda name: stack(name).document).blockers


@pytest.mark.parametrize("name", EVERY_STACK)
def test_nothing_is_left_where_every_example_is_replaced(name: str, stack: StackOf, tmp_path: Path) -> None:
    assert blockers(name, rewritten(tmp_path), stack) == ()


@pytest.mark.parametrize(
    ("left", "name", "field"),
    [
        ("      example: true\n", "dev-aws", "portal.frontend.image"),
        ("registry.example.com", "prod-aws", "portal.frontend.image.repository"),
        ("login.example.com", "prod-gcp", "portal.sign_in.issuer"),
        ("git.example.com", "local", "monitoring.runbooks"),
        ("example.com", "staging-aws", "portal.domain"),
        ("198.51.100.0/24", "dev-azure", "clouds.azure.cluster.api_allowed_cidrs.0"),
        ("333333333333", "prod-aws", "clouds.aws.account"),
        ("example-portal", "prod-gcp", "clouds.gcp.project"),
        ("00000000-0000-0000-0000", "prod-azure", "clouds.azure.subscription"),
    ],
)
def test_each_example_that_is_left_is_named_with_file_and_field(
    left: str, name: str, field: str, stack: StackOf, tmp_path: Path
) -> None:
    first, *_ = blockers(name, rewritten(tmp_path, but=left), stack)
    assert first.startswith(f"environments/{name.partition('-')[0]}.yaml: {field} ")


def test_the_other_clouds_of_an_environment_are_not_this_stacks_concern(
    environments: Environments, stack: StackOf
) -> None:
    for cloud, others in (("aws", ("gcp", "azure")), ("gcp", ("aws", "azure")), ("azure", ("aws", "gcp"))):
        found = blockers(f"prod-{cloud}", environments, stack)
        assert any(f"clouds.{cloud}." in line for line in found)
        assert not any(f"clouds.{other}." in line for line in found for other in others)


@pytest.mark.parametrize("name", ["bootstrap-aws", "shared-aws"])
def test_the_shared_stacks_lack_what_they_take_of_every_file(
    name: str, environments: Environments, stack: StackOf
) -> None:
    fields = [line.partition(" = ")[0].removeprefix("environments/") for line in blockers(name, environments, stack)]
    shared = ("repository", "clouds.aws.account", "clouds.aws.zone", "clouds.aws.budget.alert_emails.0")
    assert fields == [
        *(f"shared.yaml: {field}" for field in shared),
        *(f"{tier}.yaml: {field}" for tier in environments.tiers for field in ("portal.domain", "clouds.aws.account")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "example.net",
        "https://git.example.org/x",
        "192.0.2.0/24",
        "198.51.100.7/32",
        "203.0.113.128/25",
        "123456789012",
        "444444444444.dkr.ecr.eu-west-1.amazonaws.com/portal",
        "00000000-0000-0000-0000-0123456789ab",
    ],
)
def test_every_kind_of_example_is_known(text: str) -> None:
    (found,) = examples({"some": [{"field": text}]})
    assert found.startswith(f"some.0.field = {text} is ")


@pytest.mark.parametrize(
    "text",
    [
        "counterexample.com",
        "my-example.com",
        "example.com.acme.org",
        "192.0.3.0/24",
        "0.0.0.0/0",
        "sha256:" + "1" * 64,
        "the-example-portal",
        "111111111112",
        "00000003-0000-0000-c000-000000000000",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert list(examples({"field": text, "example": True, "number": 111111111111, "nothing": None})) == []

"""What the committed examples must become before a deploy."""

from ipaddress import ip_network

import pytest

from portal import __main__ as cli
from portal.commands import preflight as command
from portal.preflight import cloud_blockers, layer_blockers
from portal.spec.loader import Environments
from portal.spec.types import Spec


def replaced(spec: Spec, path: str, value: object) -> Spec:
    """A copy of a frozen model with one value changed."""
    head, _, rest = path.partition(".")
    return spec.model_copy(update={head: replaced(getattr(spec, head), rest, value) if rest else value})


def test_example_images_and_names_are_refused(environments: Environments) -> None:
    found = list(layer_blockers(environments.tiers["prod"]))
    fields = [line.partition(" ")[0] for line in found]
    assert fields == ["portal.frontend.image", "portal.backend.image", "portal.sign_in.issuer", "portal.domain"]


def test_real_values_are_not(environments: Environments) -> None:
    prod: Spec = environments.tiers["prod"]
    for path in ("portal.frontend.image.example", "portal.backend.image.example"):
        prod = replaced(prod, path, False)
    prod = replaced(prod, "portal.sign_in.issuer", "https://login.acme.org")
    prod = replaced(prod, "portal.domain", "portal.acme.org")
    assert list(layer_blockers(prod)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_documentation_networks_are_refused(environments: Environments, cloud: str) -> None:
    (found,) = cloud_blockers(environments.tiers["prod"], cloud)
    assert "198.51.100.0/24, reserved for documentation" in found


@pytest.mark.parametrize("cidr", ["192.0.2.0/24", "198.51.100.7/32", "203.0.113.128/25"])
def test_every_documentation_range_is_known(environments: Environments, cidr: str) -> None:
    prod = replaced(environments.tiers["prod"], "clouds.aws.cluster.api_allowed_cidrs", (ip_network(cidr),))
    (found,) = cloud_blockers(prod, "aws")  # type: ignore[arg-type]
    assert cidr in found


def test_an_api_without_an_address_list_has_none_to_mend(environments: Environments) -> None:
    assert list(cloud_blockers(environments.tiers["prod"], "gcp")) == []


def test_the_command_exits_1_and_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["preflight", "prod-aws"]) == 1
    out = capsys.readouterr().out
    assert "environments/prod.yaml: portal.frontend.image is an example" in out
    assert "prod-aws: 5 to mend before a deploy" in out


def test_the_local_stack_has_its_own_file_and_no_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["preflight", "local"]) == 1
    out = capsys.readouterr().out
    assert "environments/local.yaml: portal.frontend.image is an example" in out
    assert "clouds." not in out


def test_nothing_found_is_exit_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "layer_blockers", lambda layer: iter(()))
    monkeypatch.setattr(command, "cloud_blockers", lambda environment, cloud: iter(()))
    assert cli.main(["preflight", "dev-gcp"]) == 0
    assert capsys.readouterr().out == "dev-gcp: ready\n"

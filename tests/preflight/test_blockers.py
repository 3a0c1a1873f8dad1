"""What the committed examples must become before a deploy."""

from ipaddress import ip_network

import pytest

from portal.preflight.blockers import cloud_blockers, layer_blockers, shared_blockers
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


def test_the_examples_of_the_shared_stacks_are_refused(environments: Environments) -> None:
    fields = [line.partition(" ")[0] for line in shared_blockers(environments.shared)]
    assert fields == ["repository", "clouds.aws.zone", "clouds.aws.budget.alert_emails"]


def test_real_shared_values_are_not(environments: Environments) -> None:
    shared: Spec = replaced(environments.shared, "repository", "acme/portal")
    shared = replaced(shared, "clouds.aws.zone", "acme.org")
    shared = replaced(shared, "clouds.aws.budget.alert_emails", ("platform@acme.org",))
    assert list(shared_blockers(shared)) == []  # type: ignore[arg-type]

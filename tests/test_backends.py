"""State stores: their names follow from the owner, and one environment's credentials open one environment's state."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf


@pytest.mark.parametrize(("cloud", "field"), [("aws", "bucket"), ("gcp", "bucket"), ("azure", "storage_account_name")])
def test_each_tier_has_a_store_of_its_own(stack: StackOf, cloud: str, field: str) -> None:
    stores = set()
    for tier in ("dev", "staging", "prod"):
        (backend,) = stack(f"{tier}-{cloud}").document["terraform"]["backend"].values()
        stores.add(backend[field])
    assert len(stores) == 3


def test_no_backend_holds_a_credential(stack: StackOf) -> None:
    for name in ("prod-aws", "prod-gcp", "prod-azure", "local"):
        (backend,) = stack(name).document["terraform"]["backend"].values()
        assert not {"access_key", "secret_key", "token", "credentials", "client_secret", "sas_token"} & set(backend)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("prod-aws", {"bucket": "portal-tfstate-eu-west-1-5080b6", "key": "prod-aws.tfstate", "region": "eu-west-1"}),
        ("prod-gcp", {"bucket": "portal-tfstate-europe-west1-f4fe24", "prefix": "prod-gcp"}),
        (
            "prod-azure",
            {
                "resource_group_name": "portal-tfstate",
                "storage_account_name": "portaltfstatec67f2f",
                "container_name": "tfstate",
                "key": "prod-azure.tfstate",
            },
        ),
    ],
)
def test_a_state_never_moves(stack: StackOf, name: str, address: dict[str, str]) -> None:
    """Where no state is, Terraform makes everything a second time."""
    (backend,) = stack(name).document["terraform"]["backend"].values()
    assert {key: backend[key] for key in address} == address


def test_azure_looks_for_the_state_where_the_environment_is(stack: StackOf, environments: Environments) -> None:
    azure = environments.tiers["prod"].clouds.azure
    (backend,) = stack("prod-azure").document["terraform"]["backend"].values()
    assert (backend["subscription_id"], backend["tenant_id"]) == (azure.subscription, azure.tenant)

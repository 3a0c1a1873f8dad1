"""State stores: their names follow from the owner, and one environment's credentials open one environment's state."""

import pytest

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

"""Where each store runs is data: whatever the files say, the stack is whole."""

from pathlib import Path

import pytest

from portal.spec.environment import Environment
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from portal.spec.workloads import CACHES, DATABASES, StoreName
from tests.aws.test_rules import (
    test_each_data_store_is_reachable_from_the_nodes_group_alone as reachable_from_nodes_alone,
)
from tests.aws.test_rules import test_everything_encrypted_names_a_key_of_this_project as encrypted_by_own_keys
from tests.synthesized import synthesized, with_tier

TYPES: dict[StoreName, str] = {
    "portal-db": "aws_db_instance",
    "backstage-db": "aws_db_instance",
    "portal-cache": "aws_elasticache_replication_group",
    "backstage-cache": "aws_elasticache_replication_group",
}


def flipped(environment: Environment, store: StoreName) -> Environment:
    """With `store` where it is not."""
    field = store.replace("-", "_")
    placement = "cluster" if environment.data.placement(store) == "managed" else "managed"
    moved = getattr(environment.data, field).model_copy(update={"placement": placement})
    return environment.model_copy(update={"data": environment.data.model_copy(update={field: moved})})


@pytest.mark.parametrize("store", [*DATABASES, *CACHES])
@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_each_store_runs_in_either_place(
    tier: str, store: StoreName, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    environment = flipped(environments.tiers[tier], store)
    made = synthesized(f"{tier}-aws", with_tier(environments, environment), versions, tmp_path)
    is_made = f"{TYPES[store]}.stores_{store}" in made.resources
    assert is_made is (environment.data.placement(store) == "managed")
    secrets = made.all("aws_secretsmanager_secret")
    assert secrets or not made.all("aws_elasticache_replication_group"), "a cache has a password"
    for secret in secrets:
        # A name is held for as long as a deleted secret can be recovered: an environment may be deployed again.
        assert (secret["recovery_window_in_days"], secret.get("name")) == (30, None), secret.address
    reachable_from_nodes_alone(lambda _: made, "")
    encrypted_by_own_keys(lambda _: made, "")


def test_a_database_with_a_reader_does_not_leave_its_password_to_the_service(
    environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    """RDS refuses a reader of a database whose password it manages; copied to another region it is not here."""
    staging = environments.tiers["staging"]
    assert staging.clouds.aws.data.second_region is None
    read = staging.managed.databases.model_copy(update={"readers": 1})
    managed = staging.managed.model_copy(update={"databases": read})
    data = with_tier(environments, staging.model_copy(update={"managed": managed}))
    made = synthesized("staging-aws", data, versions, tmp_path)
    primary = made.one("aws_db_instance", "stores_backstage-db")
    assert primary.get("manage_master_user_password") is None
    assert "${ephemeral.random_password." in primary["password_wo"]
    assert made.one("aws_db_instance", "stores_backstage-db_reader-1")["replicate_source_db"]

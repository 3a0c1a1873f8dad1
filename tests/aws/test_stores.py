"""Where each store runs is data: whatever the files say, the stack is whole."""

from pathlib import Path

import pytest
from cdktf import App

from portal.spec.environment import Environment
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from portal.spec.workloads import CACHES, DATABASES, StoreName
from portal.stacks.aws import AwsEnvironment
from tests.aws.test_rules import (
    test_each_data_store_is_reachable_from_the_nodes_group_alone as reachable_from_nodes_alone,
)
from tests.aws.test_rules import test_everything_encrypted_names_a_key_of_this_project as encrypted_by_own_keys
from tests.synthesized import SynthesizedStack

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


def made_of(environment: Environment, versions: Versions, folder: Path) -> SynthesizedStack:
    app = App(outdir=str(folder))
    name = f"{environment.tier}-aws"
    AwsEnvironment(app, name, environment=environment, versions=versions)
    app.synth()
    return SynthesizedStack(folder / "stacks" / name / "cdk.tf.json")


@pytest.mark.parametrize("store", [*DATABASES, *CACHES])
@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_each_store_runs_in_either_place(
    tier: str, store: StoreName, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    environment = flipped(environments.tiers[tier], store)
    synthesized = made_of(environment, versions, tmp_path)
    made = f"{TYPES[store]}.stores_{store}" in synthesized.resources
    assert made is (environment.data.placement(store) == "managed")
    for secret in synthesized.all("aws_secretsmanager_secret"):
        # A name is held for as long as a deleted secret can be recovered: dev is destroyed and deployed again.
        kept = (secret["recovery_window_in_days"], "name_prefix" in secret.body)
        assert kept == ((0, False) if tier == "dev" else (30, True)), secret.address
    reachable_from_nodes_alone(lambda _: synthesized, "")
    encrypted_by_own_keys(lambda _: synthesized, "")


def test_a_database_with_a_reader_does_not_leave_its_password_to_the_service(
    environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    """RDS refuses a reader of a database whose password it manages; copied to another region it is not here."""
    staging = environments.tiers["staging"]
    assert staging.clouds.aws.data.second_region is None
    read = staging.managed.databases.model_copy(update={"readers": 1})
    managed = staging.managed.model_copy(update={"databases": read})
    synthesized = made_of(staging.model_copy(update={"managed": managed}), versions, tmp_path)
    primary = synthesized.one("aws_db_instance", "stores_backstage-db")
    assert primary.get("manage_master_user_password") is None
    assert "${ephemeral.random_password." in primary["password_wo"]
    assert synthesized.one("aws_db_instance", "stores_backstage-db_reader-1")["replicate_source_db"]

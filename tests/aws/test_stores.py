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


@pytest.mark.parametrize("store", [*DATABASES, *CACHES])
@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_each_store_runs_in_either_place(
    tier: str, store: StoreName, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    environment = flipped(environments.tiers[tier], store)
    app = App(outdir=str(tmp_path))
    AwsEnvironment(app, f"{tier}-aws", environment=environment, versions=versions)
    app.synth()
    synthesized = SynthesizedStack(tmp_path / "stacks" / f"{tier}-aws" / "cdk.tf.json")
    made = f"{TYPES[store]}.stores_{store}" in synthesized.resources
    assert made is (environment.data.placement(store) == "managed")
    reachable_from_nodes_alone(lambda _: synthesized, "")
    encrypted_by_own_keys(lambda _: synthesized, "")

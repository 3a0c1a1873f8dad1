"""ElastiCache: cluster mode, TLS, and a first password that lives for minutes."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf

MANAGED = ("staging-aws", "prod-aws")
NAME = "stores_backstage-cache"


@pytest.mark.parametrize("name", MANAGED)
def test_shards_and_replicas_are_the_datas(stack: StackOf, name: str, environments: Environments) -> None:
    size = environments.tiers[name.removesuffix("-aws")].managed.caches
    cache = stack(name).one("aws_elasticache_replication_group", NAME)
    assert (cache["num_node_groups"], cache["replicas_per_node_group"]) == (size.shards, size.replicas)
    assert cache["engine"] == "valkey"
    assert cache["automatic_failover_enabled"] is True, "cluster mode has no other way"
    parameters = stack(name).one("aws_elasticache_parameter_group")
    assert {"name": "cluster-enabled", "value": "yes"} in parameters["parameter"]


@pytest.mark.parametrize("name", MANAGED)
def test_it_takes_tls_and_one_user_who_cannot_stop_or_empty_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    cache = synthesized.one("aws_elasticache_replication_group", NAME)
    assert (cache["transit_encryption_enabled"], cache["transit_encryption_mode"]) == (True, "required")
    assert cache.get("auth_token") is None
    users = synthesized.one("aws_elasticache_user_group")
    assert users.address in synthesized.references(cache)
    user = synthesized.one("aws_elasticache_user")
    assert user.address in synthesized.references(users)
    assert "-@dangerous" in user["access_string"]


@pytest.mark.parametrize("name", MANAGED)
def test_the_first_password_is_replaced_at_once(stack: StackOf, name: str) -> None:
    """It is in the state, the only one that is: no argument for it is write-only."""
    synthesized = stack(name)
    user = synthesized.one("aws_elasticache_user")
    assert user["lifecycle"]["ignore_changes"] == ["authentication_mode"], "or the next apply brings it back"
    rotation = synthesized.one("aws_secretsmanager_secret_rotation", f"{NAME}_password_rotation")
    assert rotation["rotate_immediately"] is True
    assert {user.address, f"aws_secretsmanager_secret_version.{NAME}_password_first"} <= synthesized.references(
        rotation
    )
    first = synthesized.one("aws_secretsmanager_secret_version", f"{NAME}_password_first")
    assert '"temporary": true' in first["secret_string_wo"], "the rotation must not go on accepting it"


@pytest.mark.parametrize("name", MANAGED)
def test_snapshots_are_kept_and_the_group_is_protected(stack: StackOf, name: str) -> None:
    cache = stack(name).one("aws_elasticache_replication_group", NAME)
    assert cache["snapshot_retention_limit"] >= 1
    assert cache["lifecycle"]["prevent_destroy"] is True

"""Passwords are changed by functions, at a moment when everybody can follow."""

import pytest

from tests.conftest import StackOf

DATABASE = "stores_backstage-db"
CACHE = "stores_backstage-cache"


def test_the_database_is_changed_when_its_reader_and_its_copy_are_there(stack: StackOf) -> None:
    """RDS refuses both of an instance that is being changed."""
    prod = stack("prod-aws")
    rotation = prod.one("aws_secretsmanager_secret_rotation", f"{DATABASE}_administrator_rotation")
    assert {
        f"aws_db_instance.{DATABASE}",
        f"aws_db_instance.{DATABASE}_reader-1",
        prod.one("aws_db_instance_automated_backups_replication").address,
    } <= prod.references(rotation)


@pytest.mark.parametrize(
    ("name", "rotations"),
    [
        ("staging-aws", {f"{CACHE}_password_rotation"}),
        ("prod-aws", {f"{CACHE}_password_rotation", f"{DATABASE}_administrator_rotation"}),
    ],
)
def test_who_uses_a_password_comes_after_its_first_change(stack: StackOf, name: str, rotations: set[str]) -> None:
    """Fetched a moment before, it would be wrong until it is fetched again."""
    synthesized = stack(name)
    release = synthesized.releases["managed-stores"]
    before = {f"aws_secretsmanager_secret_rotation.{rotation}" for rotation in rotations}
    assert before <= synthesized.comes_after(release)
    assert before == {each.address for each in synthesized.all("aws_secretsmanager_secret_rotation")}

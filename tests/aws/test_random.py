"""Random values: what may be in a state and what may not."""

import pytest

from tests.conftest import StackOf


@pytest.mark.parametrize("name", ["staging-aws", "prod-aws"])
def test_a_password_in_the_state_is_replaced_by_a_function(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    for password in synthesized.each("random_password"):
        users = synthesized.referring_to(password)
        (secret,) = [user for user in users if user.type == "aws_secretsmanager_secret_version"]
        rotated = {each["secret_id"] for each in synthesized.each("aws_secretsmanager_secret_rotation")}
        assert secret["secret_id"] in rotated
        for user in users:
            if user.type == "aws_elasticache_user":
                assert user["lifecycle"]["ignore_changes"] == ["authentication_mode"], "or an apply brings it back"


def test_passwords_fit_into_json_as_they_are(stack: StackOf) -> None:
    """They are written between quotes, not encoded."""
    prod = stack("prod-aws")
    ephemeral = prod.document["ephemeral"]["random_password"].values()
    for password in [*ephemeral, *(each.body for each in prod.each("random_password"))]:
        assert password["special"] is False
        assert password["length"] >= 32

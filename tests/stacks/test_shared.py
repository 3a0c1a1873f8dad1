"""The stacks of all accounts: what holds in both."""

import json

from tests.conftest import StackOf


def test_no_key_password_or_token_of_ci_exists_anywhere(stack: StackOf) -> None:
    for name in ("bootstrap-aws", "shared-aws"):
        types = {resource.type for resource in stack(name).resources.values()}
        assert not {"aws_iam_user", "aws_iam_access_key", "aws_iam_user_login_profile"} & types
        assert "AKIA" not in json.dumps(stack(name).document)

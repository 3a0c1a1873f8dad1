"""Documents inside documents: what Terraform knows only later stays a reference in them."""

import re

import pytest

from tests.conftest import StackOf

ESCAPED = re.compile(r"\$\$\{(?:data\.|ephemeral\.)?(?:aws|random)_")


@pytest.mark.parametrize("name", ["dev-aws", "staging-aws", "prod-aws", "bootstrap-aws", "shared-aws"])
def test_no_reference_is_mere_words(stack: StackOf, name: str) -> None:
    """`jsonencode` escapes one that is written by hand: a policy would then name nothing, a secret would hold it."""
    assert not ESCAPED.findall(stack(name).text)

"""IAM policies: what every statement of ours is made of, and the document around them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import Fn

Statement = dict[str, Any]


def policy_document(statements: Sequence[Mapping[str, Any]]) -> str:
    """The document, as Terraform evaluates it: references in it become ARNs."""
    return Fn.jsonencode({"Version": "2012-10-17", "Statement": [dict(each) for each in statements]})


def may_encrypt(key_arn: str) -> Statement:
    """Rights to have a service encrypt and decrypt what one stores there."""
    return {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": key_arn}

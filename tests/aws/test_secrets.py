"""Who reads secrets: one service account, and only this environment's."""

import re
from typing import Any

from portal.aws.secrets import may_read, secret_arns
from tests.conftest import StackOf


def test_only_names_of_this_environment_may_be_read() -> None:
    names = secret_arns("portal-prod-", account="333333333333", region="eu-west-1")
    assert names == "arn:aws:secretsmanager:eu-west-1:333333333333:secret:portal-prod-*"
    reads, decrypts = may_read([names], "333333333333", "eu-west-1")
    assert reads["Resource"] == [names]
    assert not any(re.search(r"Put|Create|Update|Delete|List|\*", action) for action in reads["Action"])
    condition: dict[str, Any] = decrypts["Condition"]
    assert condition["StringLike"] == {"kms:EncryptionContext:SecretARN": [names]}
    assert condition["StringEquals"] == {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}


def test_the_pods_of_external_secrets_read_and_wait_for_the_right(stack: StackOf) -> None:
    prod = stack("prod-aws")
    association = prod.one("aws_eks_pod_identity_association", "secret-reader_user")
    release = prod.releases["external-secrets"]
    assert association["namespace"] == release["namespace"]
    assert association["service_account"] == prod.values("external-secrets")["serviceAccount"]["name"]
    assert association.address in prod.comes_after(release)


def test_what_the_portal_gets_is_in_reach_of_the_right(stack: StackOf) -> None:
    prod = stack("prod-aws")
    for secret in prod.values("credentials")["fetched"]:
        assert secret["remote"] == f"portal-prod-{secret['name']}"
    assert prod.values("credentials")["store"]["provider"] == {
        "aws": {"service": "SecretsManager", "region": "eu-west-1"}
    }

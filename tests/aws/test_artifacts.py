"""The bucket of the portal's plugins: who writes in it, and how the portal learns of it."""

import pytest

from tests.aws.policies import statements
from tests.conftest import StackOf

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", TIERS)
def test_the_backend_alone_writes_in_it_by_its_identity(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    bucket = synthesized.one("aws_s3_bucket", "artifacts")
    (policy,) = synthesized.referring_to(bucket, "aws_iam_role_policy")
    (role,) = [address for address in synthesized.references(policy) if address.startswith("aws_iam_role.")]
    (association,) = synthesized.referring_to(synthesized.resources[role], "aws_eks_pod_identity_association")
    assert (association["namespace"], association["service_account"]) == ("developer-portal", "backstage-backend")
    allowed = [statement for statement in statements(policy["policy"]) if "s3:PutObject" in statement["Action"]]
    assert [statement["Resource"] for statement in allowed] == [f"${{{bucket.address}.arn}}/*"]


@pytest.mark.parametrize("name", TIERS)
def test_the_portal_is_told_its_name_and_comes_after_it(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    bucket = synthesized.one("aws_s3_bucket", "artifacts")
    assert synthesized.values("portal")["artifacts"] == {"bucket": bucket["bucket"], "region": "eu-west-1"}
    before = synthesized.comes_after(synthesized.releases["portal"])
    assert bucket.address in before
    assert any(address.startswith("aws_eks_pod_identity_association.stores") for address in before)


@pytest.mark.parametrize("name", TIERS)
def test_the_backend_reaches_the_agent_that_hands_out_its_identity(stack: StackOf, name: str) -> None:
    endpoints = stack(name).values("portal")["network"]["identityEndpoints"]
    assert {"cidr": "169.254.170.23/32", "port": 80} in endpoints


def test_where_there_is_no_cloud_there_is_no_bucket(stack: StackOf) -> None:
    assert stack("local").values("portal")["artifacts"] is None

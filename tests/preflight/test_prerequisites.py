"""What has to be there before a deploy, as data and JSON name it."""

from typing import Any

from portal.preflight.prerequisites import of_environment, of_shared
from portal.preflight.stack import AwsStack
from portal.spec.loader import Environments
from tests.conftest import StackOf
from tests.preflight.conftest import changed


def whats(stack: AwsStack, environments: Environments) -> list[str]:
    return [each.what for each in of_environment(stack, environments.tiers["prod"])]


def test_state_roles_zone_images_and_secrets_are_named(prod: AwsStack, environments: Environments) -> None:
    listed = "\n".join(whats(prod, environments))
    bucket = prod.document["terraform"]["backend"]["s3"]["bucket"]
    for name in (
        f"state bucket {bucket}",
        "role portal-deploy",
        "public zone portal.example.com",
        "image registry.example.com/portal/frontend",
        "image registry.example.com/portal/backend",
        "secret portal-prod-sign-in",
        "secret portal-prod-alerts",
    ):
        assert name in listed


def test_images_are_looked_for_by_their_digest(prod: AwsStack, environments: Environments) -> None:
    tier = environments.tiers["prod"]
    checks = [each.check for each in of_environment(prod, tier)]
    assert f"docker manifest inspect {tier.portal.backend.image.reference}" in checks


def test_an_open_api_asks_for_an_address_that_may_reach_it(prod: AwsStack, environments: Environments) -> None:
    def public(resources: dict[str, Any]) -> None:
        config = resources["aws_eks_cluster"]["cluster"]["vpc_config"]
        config |= {"endpoint_public_access": True, "public_access_cidrs": ["198.51.100.0/24"]}

    assert "is in 198.51.100.0/24" in whats(changed(prod, public), environments)[-1]


def test_a_private_api_asks_for_a_runner_inside(prod: AwsStack, environments: Environments) -> None:
    def private(resources: dict[str, Any]) -> None:
        resources["aws_eks_cluster"]["cluster"]["vpc_config"]["endpoint_public_access"] = False

    assert whats(changed(prod, private), environments)[-1].startswith("the deploy runs inside the network")


def test_the_shared_stacks_ask_for_a_login_that_reaches_every_account(
    stack: StackOf, environments: Environments
) -> None:
    shared = AwsStack("shared-aws", stack("shared-aws").document)
    listed = "\n".join(each.what for each in of_shared(shared, environments))
    assert "logged in to account 444444444444" in listed
    for environment in environments.tiers.values():
        assert f"arn:aws:iam::{environment.clouds.aws.account}:role/OrganizationAccountAccessRole" in listed

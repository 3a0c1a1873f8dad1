"""The registry: tags that never move, and images that every environment pulls and none pushes."""

import pytest

from portal.aws.registry import expiry_rules
from portal.spec.loader import Environments
from tests.aws.accounts import EVERY_ACCOUNT
from tests.aws.policies import document, statements
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack


@pytest.fixture(scope="module")
def shared(stack: StackOf) -> SynthesizedStack:
    return stack("shared-aws")


def test_tags_never_move_images_are_scanned_and_encrypted(shared: SynthesizedStack) -> None:
    repositories = shared.all("aws_ecr_repository")
    assert {r["name"] for r in repositories} == {"portal/frontend", "portal/backend", "portal/loadtest"}
    for repository in repositories:
        assert repository["image_tag_mutability"] == "IMMUTABLE"
        assert repository["image_scanning_configuration"] == {"scan_on_push": True}
        assert shared.references(repository) == {"aws_kms_key.registry_key"}
        assert repository["lifecycle"]["prevent_destroy"] is True


def test_no_repository_is_forgotten_and_all_of_them_lie_in_the_shared_account(
    shared: SynthesizedStack, environments: Environments
) -> None:
    """One without a policy is closed to the environments, and their first rollout ends in ImagePullBackOff."""
    repositories = shared.each("aws_ecr_repository")
    assert [r["name"] for r in repositories] == sorted(environments.shared.clouds.aws.repositories)
    for repository in repositories:
        assert repository.get("provider") is None
        for type in ("aws_ecr_repository_policy", "aws_ecr_lifecycle_policy"):
            assert len(shared.referring_to(repository, type)) == 1, f"{repository.address}: {type}"


def test_environments_pull_and_none_of_them_pushes(shared: SynthesizedStack) -> None:
    for policy in shared.each("aws_ecr_repository_policy"):
        (statement,) = statements(policy["policy"])
        assert {arn.split(":")[4] for arn in statement["Principal"]["AWS"]} == set(EVERY_ACCOUNT)
        assert not [action for action in statement["Action"] if "Put" in action or "Upload" in action]


def test_nodes_have_what_containerd_asks_for(shared: SynthesizedStack) -> None:
    """The manifest, the layers, and whether they are there: with one of them missing no image is pulled."""
    for policy in shared.each("aws_ecr_repository_policy"):
        (statement,) = statements(policy["policy"])
        assert statement["Effect"] == "Allow"
        assert set(statement["Action"]) >= {
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        }


def test_an_image_without_a_tag_goes_before_one_that_has_one(shared: SynthesizedStack) -> None:
    for policy in shared.each("aws_ecr_lifecycle_policy"):
        first, second = sorted(document(policy["policy"])["rules"], key=lambda rule: rule["rulePriority"])
        assert first["selection"]["tagStatus"] == "untagged"
        # ECR refuses a rule for any tag that is not the last.
        assert second["selection"]["tagStatus"] == "any"


def test_an_image_that_runs_for_long_is_not_deleted_for_its_age() -> None:
    """A tier that nobody deploys to for a year still has to start a pod on a new node."""
    by_tag = {rule["selection"]["tagStatus"]: rule["selection"] for rule in expiry_rules()}
    assert by_tag["any"]["countType"] == "imageCountMoreThan"
    assert "countUnit" not in by_tag["any"], "ECR refuses a unit beside a count"
    # Also between a push and the tag that follows it.
    assert (by_tag["untagged"]["countType"], by_tag["untagged"]["countUnit"]) == ("sinceImagePushed", "days")

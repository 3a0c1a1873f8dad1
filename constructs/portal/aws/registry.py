"""Where the portal's own images lie: one registry from which every environment pulls the same bytes."""

from collections.abc import Sequence
from typing import Any

from cdktf import Fn
from cdktf_cdktf_provider_aws.ecr_lifecycle_policy import EcrLifecyclePolicy
from cdktf_cdktf_provider_aws.ecr_repository import (
    EcrRepository,
    EcrRepositoryEncryptionConfiguration,
    EcrRepositoryImageScanningConfiguration,
)
from cdktf_cdktf_provider_aws.ecr_repository_policy import EcrRepositoryPolicy
from constructs import Construct

from portal.aws.accounts import Account
from portal.aws.keys import Key, administered_by_account
from portal.aws.policies import policy_document
from portal.naming import Kind, Naming, as_id

UNTAGGED_DAYS = 14
"""How long an image stays that no tag names: what a build left behind."""

KEPT_IMAGES = 300
"""The newest images of a repository. What an environment runs is among them as long as it is deployed at times."""


class Registry(Construct):
    """A repository for each image, whose tags never move, scanned when an image arrives.

    Source: guide, "CI/CD Pipeline Configuration"; ECR user guide, "Preventing image tags from being overwritten".
    """

    def __init__(
        self, scope: Construct, id: str, *, owner: Account, readers: Sequence[Account], repositories: Sequence[str]
    ) -> None:
        super().__init__(scope, id)
        key = Key(
            self,
            "key",
            name=Naming(scope="registry", owner=owner.id).name(Kind.AWS_NAME),
            statements=[administered_by_account(owner.id)],
            protected=True,
        )
        for name in repositories:
            repository = EcrRepository(
                self,
                as_id(name),
                name=name,
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=EcrRepositoryImageScanningConfiguration(scan_on_push=True),
                encryption_configuration=[EcrRepositoryEncryptionConfiguration(encryption_type="KMS", kms_key=key.arn)],
                lifecycle={"prevent_destroy": True},
            )
            EcrLifecyclePolicy(
                self,
                f"{repository.node.id}-forgets",
                repository=repository.name,
                policy=Fn.jsonencode({"rules": expiry_rules()}),
            )
            EcrRepositoryPolicy(
                self,
                f"{repository.node.id}-readers",
                repository=repository.name,
                policy=policy_document([may_pull(readers)]),
            )


def expiry_rules() -> list[dict[str, Any]]:
    """What ECR deletes by itself. Source: ECR user guide, "Lifecycle policy properties"."""
    return [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES},
            "action": {"type": "expire"},
        },
    ]


def may_pull(readers: Sequence[Account]) -> dict[str, Any]:
    """Nodes of the environments' accounts pull; only this account pushes."""
    return {
        "Sid": "EnvironmentsPull",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{account.id}:root" for account in readers]},
        "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }

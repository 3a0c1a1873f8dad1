"""The real `terraform plan` on a recorded state."""

from typing import Any

import pytest

from tests.conftest import StackOf
from tests.review.documents import small_stack
from tests.review.plans import Planned, plan_actions


def with_bucket(path: str, **blocks: Any) -> dict[str, Any]:
    return small_stack(
        {
            path: ("aws_s3_bucket", {"bucket": "b"}),
            "policy": ("aws_s3_bucket_policy", {"bucket": f"${{aws_s3_bucket.{path}.id}}"}),
        },
        **blocks,
    )


def test_a_renamed_resource_is_destroyed_and_made_anew() -> None:
    assert plan_actions(with_bucket("backups"), applied=with_bucket("archive")) == [
        Planned("aws_s3_bucket.archive", ("delete",), None),
        Planned("aws_s3_bucket.backups", ("create",), None),
        Planned("aws_s3_bucket_policy.policy", ("no-op",), None),
    ]


def test_a_moved_resource_stays() -> None:
    moved = with_bucket("backups", moved=[{"from": "aws_s3_bucket.archive", "to": "aws_s3_bucket.backups"}])
    assert plan_actions(moved, applied=with_bucket("archive")) == [
        Planned("aws_s3_bucket.backups", ("no-op",), "aws_s3_bucket.archive"),
        Planned("aws_s3_bucket_policy.policy", ("no-op",), None),
    ]


@pytest.mark.parametrize("name", ["prod-aws", "local"])
def test_a_stack_planned_on_its_own_state_changes_nothing(name: str, stack: StackOf) -> None:
    document = stack(name).document
    planned = plan_actions(document, applied=document)
    assert [one.address for one in planned] == sorted(stack(name).resources)
    assert {one.actions for one in planned} == {("no-op",)}

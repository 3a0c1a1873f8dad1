"""The two rewrites to `terraform_data`, on documents small enough to see through."""

from typing import Any

from tests.review.rewrite import for_state, for_validation, recorded_state

STACK: dict[str, Any] = {
    "//": {"metadata": {}},
    "terraform": {"backend": {"s3": {}}, "required_providers": {"aws": {}}},
    "provider": {"aws": [{"region": "${data.aws_region.here.name}"}]},
    "data": {"aws_region": {"here": {"//": {}, "depends_on": ["aws_kms_key.key"]}}},
    "resource": {
        "aws_kms_key": {"key": {"//": {}, "description": "a", "lifecycle": {"prevent_destroy": True}}},
        "aws_s3_bucket": {
            "backups": {
                "bucket": "b-${data.aws_region.here.name}",
                "provider": "aws.other",
                "depends_on": ["aws_kms_key.key"],
                "lifecycle": {"create_before_destroy": True, "ignore_changes": ["bucket"]},
            }
        },
    },
    "output": {"bucket": {"value": "${aws_s3_bucket.backups.arn}"}},
    "moved": [{"from": "aws_s3_bucket.old", "to": "aws_s3_bucket.backups"}],
}


def test_arguments_stay_and_references_follow_the_new_addresses() -> None:
    bucket = for_validation(STACK)["resource"]["terraform_data"]["aws_s3_bucket__backups"]
    assert bucket["input"] == {"bucket": "b-${terraform_data.data__aws_region__here.output.name}"}
    assert bucket["depends_on"] == ["terraform_data.aws_kms_key__key"]


def test_what_only_a_provider_knows_is_dropped() -> None:
    rewritten = for_validation(STACK)
    resources = rewritten["resource"]["terraform_data"]
    assert resources["aws_s3_bucket__backups"]["lifecycle"] == {"create_before_destroy": True}
    assert "lifecycle" not in resources["aws_kms_key__key"]
    assert not {"terraform", "provider", "data", "//"} & rewritten.keys()


def test_provider_blocks_and_outputs_stay_checked() -> None:
    rewritten = for_validation(STACK)
    assert rewritten["locals"] == {
        "provider__aws": [{"region": "${terraform_data.data__aws_region__here.output.name}"}]
    }
    assert rewritten["output"] == {"bucket": {"value": "${terraform_data.aws_s3_bucket__backups.output.arn}"}}


def test_the_source_is_not_changed() -> None:
    before = repr(STACK)
    for_validation(STACK)
    for_state(STACK)
    assert repr(STACK) == before


def test_for_a_state_only_managed_resources_their_order_and_moves_are_left() -> None:
    assert for_state(STACK) == {
        "moved": [{"from": "terraform_data.aws_s3_bucket__old", "to": "terraform_data.aws_s3_bucket__backups"}],
        "resource": {
            "terraform_data": {
                "aws_kms_key__key": {"depends_on": []},
                "aws_s3_bucket__backups": {"depends_on": ["terraform_data.aws_kms_key__key"]},
            }
        },
    }


def test_an_order_that_goes_through_a_data_source_is_kept() -> None:
    stack = {
        "data": {"a_b": {"middle": {"x": "${a_b.first.id}"}}},
        "resource": {"a_b": {"first": {}, "last": {"x": "${data.a_b.middle.id}"}}},
    }
    assert for_state(stack)["resource"]["terraform_data"]["a_b__last"] == {"depends_on": ["terraform_data.a_b__first"]}


def test_the_recorded_state_holds_each_resource_once_with_what_it_depends_on() -> None:
    resources = recorded_state(STACK)["resources"]
    dependencies = {resource["name"]: resource["instances"][0]["dependencies"] for resource in resources}
    assert dependencies == {
        "aws_kms_key__key": [],
        "aws_s3_bucket__backups": ["terraform_data.aws_kms_key__key"],
    }

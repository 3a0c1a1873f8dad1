"""The real Terraform reads every stack, with providers' resources rewritten to `terraform_data`."""

import json
from pathlib import Path
from typing import Any

import pytest

from portal.app import stacks
from portal.review.terraform import Terraform
from portal.spec.loader import load_environments
from portal.spec.versions import load_versions
from tests.conftest import ROOT, StackOf
from tests.review.documents import Resources, small_stack
from tests.review.rewrite import for_validation

STACKS = list(stacks(load_environments(ROOT / "environments"), load_versions()))


@pytest.fixture(scope="module")
def terraform() -> Terraform:
    return Terraform.on_path()


def complaints(terraform: Terraform, document: dict[str, Any], folder: Path) -> list[str]:
    (folder / "main.tf.json").write_text(json.dumps(for_validation(document)), encoding="utf-8")
    errors = terraform.init(folder) or terraform.validate(folder)
    return [f"{error['summary']}: {error['detail']}" for error in errors]


@pytest.mark.parametrize("name", STACKS)
def test_terraform_finds_nothing_wrong_with_a_stack(
    name: str, stack: StackOf, terraform: Terraform, tmp_path: Path
) -> None:
    assert complaints(terraform, stack(name).document, tmp_path) == []


def test_terraform_misses_a_resource_that_is_taken_out_of_a_stack(
    stack: StackOf, terraform: Terraform, tmp_path: Path
) -> None:
    document = json.loads(stack("local").text)
    del document["resource"]["kubernetes_namespace_v1"]["platform_namespaces_monitoring"]
    found = complaints(terraform, document, tmp_path)
    assert found
    assert all('"kubernetes_namespace_v1__platform_namespaces_monitoring" has not been declared' in f for f in found)


BUCKET: Resources = {"bucket": ("aws_s3_bucket", {"bucket": "b"})}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (
            small_stack({"key": ("aws_kms_key", {"description": "${aws_s3_bucket.bucket.arn}"})}),
            "Reference to undeclared resource",
        ),
        (
            small_stack({"key": ("aws_kms_key", {"depends_on": ["aws_s3_bucket.bucket"]})}),
            "Reference to undeclared resource",
        ),
        (
            small_stack(BUCKET) | {"provider": {"helm": [{"kubernetes": {"host": "${aws_eks_cluster.c.endpoint}"}}]}},
            "Reference to undeclared resource",
        ),
        (
            small_stack(BUCKET, output={"x": {"value": "${data.aws_region.here.name}"}}),
            "Reference to undeclared resource",
        ),
        (
            small_stack(BUCKET | {"key": ("aws_kms_key", {"policy": "${jsonencode()}"})}),
            "Not enough function arguments",
        ),
        (
            small_stack(BUCKET | {"key": ("aws_kms_key", {"policy": "${encode(aws_s3_bucket.bucket.arn)}"})}),
            "Call to unknown function",
        ),
        (
            small_stack(
                {
                    "bucket": ("aws_s3_bucket", {"bucket": "${aws_kms_key.key.id}"}),
                    "key": ("aws_kms_key", {"description": "${aws_s3_bucket.bucket.id}"}),
                }
            ),
            "Cycle",
        ),
    ],
    ids=[
        "undeclared in an argument",
        "undeclared in depends_on",
        "undeclared in a provider",
        "undeclared data source",
        "wrong arity",
        "unknown function",
        "cycle",
    ],
)
def test_terraform_finds_a_planted_fault(
    document: dict[str, Any], complaint: str, terraform: Terraform, tmp_path: Path
) -> None:
    assert any(found.startswith(complaint) for found in complaints(terraform, document, tmp_path))


def test_repeated_and_ephemeral_resources_can_be_referred_to(terraform: Terraform, tmp_path: Path) -> None:
    document = small_stack(
        {
            "zone": ("aws_route53_zone", {"for_each": '${toset(["a", "b"])}', "name": "${each.value}"}),
            "node": ("aws_instance", {"count": 2, "ami": "x"}),
            "user": (
                "aws_db_instance",
                {
                    "names": "${[for zone in aws_route53_zone.zone : zone.name]}",
                    "node": "${aws_instance.node[0].id}",
                    "password_wo": "${ephemeral.random_password.db.result}",
                },
            ),
        },
        ephemeral={"random_password": {"db": {"length": 32}}},
    )
    assert complaints(terraform, document, tmp_path) == []

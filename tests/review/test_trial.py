"""The forms in which a stack is tried, and the mock values."""

import re
from typing import Any

import pytest

from portal.review import trial
from portal.review.references import members
from tests.conftest import StackOf
from tests.review.documents import small_stack

HELM = {"kubernetes": [{"config_path": "~/.kube/config"}], "helm": [{"kubernetes": {"config_path": "~/.kube/config"}}]}


def test_a_plan_never_meets_the_cluster_of_a_kubeconfig() -> None:
    providers = trial.for_plan(small_stack({}, providers=HELM))["provider"]
    assert "config_path" not in repr(providers)
    assert providers.keys() == HELM.keys()


def test_a_plan_keeps_access_to_a_cluster_that_the_stack_makes() -> None:
    managed = {"kubernetes": [{"host": "${google_container_cluster.c.endpoint}"}]}
    assert trial.for_plan(small_stack({}, providers=managed))["provider"] == managed


def test_an_apply_is_tried_without_protection_and_with_the_rest_of_the_lifecycle() -> None:
    lifecycle = {"prevent_destroy": True, "create_before_destroy": True}
    stack = small_stack({"key": ("a_key", {"lifecycle": lifecycle}), "bucket": ("a_bucket", {"lifecycle": {}})})
    resources = trial.for_apply(stack)["resource"]
    assert resources["a_key"]["key"]["lifecycle"] == {"create_before_destroy": True}
    assert "lifecycle" not in resources["a_bucket"]["bucket"]


def test_an_apply_mocks_all_but_random_and_a_plan_only_the_clouds() -> None:
    stack = small_stack({}) | {"provider": {"google": [{}], "helm": [{}], "random": [{}]}}
    assert trial.test_file(stack, "apply")["mock_provider"].keys() == {"google", "helm"}
    assert trial.test_file(stack, "plan")["mock_provider"].keys() == {"google"}


def test_each_alias_of_a_provider_is_mocked() -> None:
    stack = small_stack({}) | {"provider": {"aws": [{}, {"alias": "us"}]}}
    assert [mock.get("alias") for mock in trial.test_file(stack, "plan")["mock_provider"]["aws"]] == [None, "us"]


def test_only_types_in_use_are_mocked() -> None:
    stack = small_stack({"role": ("aws_iam_role", {})}) | {"provider": {"aws": [{}]}}
    (mock,) = trial.test_file(stack, "apply")["mock_provider"]["aws"]
    assert mock["mock_resource"].keys() == {"aws_iam_role"}


ARN = re.compile(r"\b(aws_\w+)\.([\w-]+)\.((?:\w+_)?arn)\b")


@pytest.mark.parametrize("name", ["dev-aws", "prod-aws"])
def test_every_arn_that_one_resource_takes_from_another_is_mocked_as_one(name: str, stack: StackOf) -> None:
    document = stack(name).document
    mocks: dict[str, Any] = trial.mock_values()["aws"]["mock_resource"]
    bodies = dict(members(document))
    computed = {
        (type, attribute)
        for _, body in bodies.items()
        for type, name, attribute in ARN.findall(repr(body))
        if attribute not in bodies[f"{type}.{name}"]
    }
    assert computed
    for type, attribute in computed:
        arn = mocks[type][attribute]
        assert re.fullmatch(r"arn:aws:(s3:::|[a-z0-9-]+:[a-z0-9-]*:\d{12}:).+", arn), (type, attribute)

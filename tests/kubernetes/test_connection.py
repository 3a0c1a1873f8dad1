"""The kubernetes and helm providers: both at the same cluster, the one that the stack is about."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf
from tests.kubernetes.test_release import EVERY_STACK


@pytest.mark.parametrize("name", EVERY_STACK)
def test_both_providers_speak_to_one_cluster(stack: StackOf, name: str) -> None:
    provider = stack(name).document["provider"]
    (kubernetes,), (helm,) = provider["kubernetes"], provider["helm"]
    single = {**kubernetes, "exec": kubernetes["exec"][0]} if "exec" in kubernetes else kubernetes
    assert helm["kubernetes"] == single


def test_local_is_the_cluster_that_the_data_name(stack: StackOf, environments: Environments) -> None:
    (kubernetes,) = stack("local").document["provider"]["kubernetes"]
    target = environments.local.cluster
    assert kubernetes == {"config_path": target.kubeconfig, "config_context": target.context}


@pytest.mark.parametrize(("cloud", "version"), [("aws", "v1"), ("gcp", "v1beta1"), ("azure", "v1")])
def test_the_answer_of_each_clouds_command_is_expected_in_its_version(stack: StackOf, cloud: str, version: str) -> None:
    """Clients refuse an answer of another version than the one that they were told to expect."""
    (kubernetes,) = stack(f"prod-{cloud}").document["provider"]["kubernetes"]
    (exec,) = kubernetes["exec"]
    assert exec["api_version"] == f"client.authentication.k8s.io/{version}"

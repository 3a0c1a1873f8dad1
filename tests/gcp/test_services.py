"""The project's APIs: switched on before anything uses them."""

import pytest

from tests.conftest import StackOf

API_OF = {
    "google_compute_": "compute",
    "google_container_": "container",
    "google_gke_hub_": "gkehub",
    "google_kms_": "cloudkms",
    "google_logging_": "logging",
    "google_project_iam_": "iam",
    "google_service_account": "iam",
    "google_secret_manager_": "secretmanager",
    "google_storage_": "storage",
}


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_every_api_is_on_before_anything_is_made(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    apis = {api.address for api in environment.each("google_project_service")}
    others = [r for r in environment.resources.values() if r.type.startswith("google_") and r.address not in apis]
    assert others
    for resource in others:
        assert apis <= environment.comes_after(resource), resource.address


def test_each_kind_of_resource_has_its_api(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    enabled = {api["service"].removesuffix(".googleapis.com") for api in prod.all("google_project_service")}
    for resource in prod.resources.values():
        if resource.type.startswith("google_") and resource.type != "google_project_service":
            needed = {api for prefix, api in API_OF.items() if resource.type.startswith(prefix)}
            assert needed, f"{resource.type}: which API makes it?"
            assert needed <= enabled, resource.address


def test_google_gets_time_to_make_its_service_agents(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    (pause,) = [s for s in prod.all("time_sleep") if prod.referring_to(s, "google_kms_key_ring")]
    assert int(pause["create_duration"].removesuffix("s")) >= 60


def test_a_new_api_makes_everybody_wait_again(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    pause = prod.one("time_sleep", "services")
    listed = set(pause["triggers"]["services"].split())
    assert listed == {api["service"].removesuffix(".googleapis.com") for api in prod.all("google_project_service")}


def test_a_destroy_leaves_the_apis_on_for_others_in_the_project(stack: StackOf) -> None:
    for api in stack("dev-gcp").each("google_project_service"):
        assert api["disable_on_destroy"] is False, api.address

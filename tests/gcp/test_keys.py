"""Encryption keys: who uses them, how they turn over, what a destroy does to them."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf
from tests.synthesized import SynthesizedStack

ENCRYPT = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


def users(environment: SynthesizedStack, key: str) -> set[tuple[str, str]]:
    """(agent, role) of everybody who has a right on a key."""
    grants = environment.referring_to(environment.one("google_kms_crypto_key", key), "google_kms_crypto_key_iam_member")
    return {(grant["member"].partition("@")[2], grant["role"]) for grant in grants}


def test_gke_alone_encrypts_secrets_and_compute_engine_alone_encrypts_disks(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    assert users(prod, "keys_cluster") == {("container-engine-robot.iam.gserviceaccount.com", ENCRYPT)}
    assert users(prod, "keys_data") == {("compute-system.iam.gserviceaccount.com", ENCRYPT)}


def test_service_agents_are_those_of_this_project(stack: StackOf, environments: Environments) -> None:
    prod = stack("prod-gcp")
    agents = prod.data_sources
    project = agents["data.google_project.keys_project"]
    of_storage = [agent for agent in agents.values() if agent.type == "google_storage_project_service_account"]
    for agent in (*of_storage, project):
        assert (agent.get("project") or agent["project_id"]) == environments.tiers["prod"].clouds.gcp.project
    for grant in prod.each("google_kms_crypto_key_iam_member"):
        assert prod.references(grant) & {project.address, *(agent.address for agent in of_storage)}, grant.address


def test_an_environment_that_is_deployed_again_gets_a_new_ring(stack: StackOf) -> None:
    dev = stack("dev-gcp")
    first_deploy = dev.one("time_static")
    ring = dev.one("google_kms_key_ring")
    assert ring["name"] == f"portal-dev-${{{first_deploy.address}.unix}}"
    # No trigger: nothing but a destroy of the environment makes another name.
    assert not first_deploy.body


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_keys_lie_in_the_region_and_turn_over_every_quarter(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    ring = environment.one("google_kms_key_ring")
    assert ring["location"] == environment.one("google_container_cluster")["location"]
    keys = environment.referring_to(ring, "google_kms_crypto_key")
    assert len(keys) >= 2
    for key in keys:
        assert int(key["rotation_period"].removesuffix("s")) <= 90 * 24 * 3600, key.address


@pytest.mark.parametrize(("tier", "kept"), [("dev", False), ("staging", True), ("prod", True)])
def test_keys_of_protected_tiers_cannot_be_destroyed(stack: StackOf, tier: str, kept: bool) -> None:
    environment = stack(f"{tier}-gcp")
    for resource in (*environment.each("google_kms_key_ring"), *environment.each("google_kms_crypto_key")):
        assert resource["lifecycle"]["prevent_destroy"] is kept, resource.address

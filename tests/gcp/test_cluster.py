"""GKE Autopilot: who reaches it, what it encrypts, what its nodes may do."""

import pytest

from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf

TIERS = pytest.mark.parametrize("tier", ["dev", "staging", "prod"])


@TIERS
def test_the_api_has_no_address_but_a_name_that_iam_guards(stack: StackOf, tier: str) -> None:
    endpoints = stack(f"{tier}-gcp").one("google_container_cluster")["control_plane_endpoints_config"]
    assert endpoints["ip_endpoints_config"]["enabled"] is False
    assert endpoints["dns_endpoint_config"]["allow_external_traffic"] is True


def test_releases_go_to_the_dns_name_and_trust_its_public_certificate(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    (kubernetes,), (helm,) = prod.document["provider"]["kubernetes"], prod.document["provider"]["helm"]
    for access in (kubernetes, helm["kubernetes"]):
        assert access["host"].startswith("https://${google_container_cluster.cluster.control_plane_endpoints_config")
        assert access["host"].endswith(".endpoint}")
        assert "cluster_ca_certificate" not in access


def test_tokens_are_read_in_the_version_that_googles_plugin_writes(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    (kubernetes,), (helm,) = prod.document["provider"]["kubernetes"], prod.document["provider"]["helm"]
    for plugin in (*kubernetes["exec"], helm["kubernetes"]["exec"]):
        assert plugin["command"] == "gke-gcloud-auth-plugin"
        assert plugin["api_version"] == "client.authentication.k8s.io/v1beta1"


def test_no_client_certificate_is_issued(stack: StackOf) -> None:
    access = stack("prod-gcp").one("google_container_cluster")["master_auth"]["client_certificate_config"]
    assert access["issue_client_certificate"] is False


@TIERS
def test_secrets_are_encrypted_with_a_key_that_gke_may_already_use(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    cluster = environment.one("google_container_cluster")
    key = environment.one("google_kms_crypto_key", "keys_cluster")
    assert cluster["database_encryption"] == {"state": "ENCRYPTED", "key_name": f"${{{key.address}.id}}"}
    (grant,) = environment.referring_to(key, "google_kms_crypto_key_iam_member")
    assert grant.address in environment.comes_after(cluster)


def test_volumes_and_node_disks_are_encrypted_with_a_key_that_compute_engine_may_already_use(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    cluster = prod.one("google_container_cluster")
    key = prod.one("google_kms_crypto_key", "keys_data")
    (grant,) = prod.referring_to(key, "google_kms_crypto_key_iam_member")
    nodes = cluster["cluster_autoscaling"]["auto_provisioning_defaults"]
    assert nodes["boot_disk_kms_key"] == f"${{{key.address}.id}}"
    assert grant.address in prod.comes_after(cluster)
    volumes = prod.one("kubernetes_storage_class_v1")
    assert volumes["parameters"]["disk-encryption-kms-key"] == f"${{{key.address}.id}}"
    assert grant.address in prod.comes_after(volumes)


@TIERS
def test_nodes_may_write_logs_and_metrics_and_nothing_else(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    cluster = environment.one("google_container_cluster")
    account = environment.one("google_service_account", "cluster_node")
    used = cluster["cluster_autoscaling"]["auto_provisioning_defaults"]["service_account"]
    assert used == f"${{{account.address}.email}}"
    grants = [r for r in environment.referring_to(account) if r.address != cluster.address]
    assert {grant.type for grant in grants} == {"google_project_iam_member"}
    assert [grant["role"] for grant in grants] == ["roles/container.defaultNodeServiceAccount"]
    assert {grant.address for grant in grants} <= environment.comes_after(cluster)


@TIERS
def test_pods_act_by_the_identities_of_this_project(stack: StackOf, environments: Environments, tier: str) -> None:
    pool = stack(f"{tier}-gcp").one("google_container_cluster")["workload_identity_config"]["workload_pool"]
    assert pool == f"{environments.tiers[tier].clouds.gcp.project}.svc.id.goog"


@TIERS
def test_every_part_of_the_control_plane_logs(stack: StackOf, tier: str) -> None:
    logged = stack(f"{tier}-gcp").one("google_container_cluster")["logging_config"]["enable_components"]
    assert {"APISERVER", "CONTROLLER_MANAGER", "SCHEDULER", "SYSTEM_COMPONENTS", "WORKLOADS"} <= set(logged)


@TIERS
def test_the_cluster_starts_at_the_pinned_kubernetes_version(stack: StackOf, versions: Versions, tier: str) -> None:
    cluster = stack(f"{tier}-gcp").one("google_container_cluster")
    assert cluster["min_master_version"] == versions.kubernetes.version


@pytest.mark.parametrize(("tier", "kept"), [("dev", False), ("staging", True), ("prod", True)])
def test_only_devs_cluster_can_be_destroyed(stack: StackOf, tier: str, kept: bool) -> None:
    cluster = stack(f"{tier}-gcp").one("google_container_cluster")
    # Google's provider protects a cluster unless told otherwise, so dev has to say it.
    assert cluster["deletion_protection"] is kept
    assert cluster["lifecycle"]["prevent_destroy"] is kept


@TIERS
def test_upgrades_come_from_the_channel_of_the_data(stack: StackOf, environments: Environments, tier: str) -> None:
    cluster = stack(f"{tier}-gcp").one("google_container_cluster")
    assert cluster["release_channel"]["channel"] == environments.tiers[tier].clouds.gcp.cluster.release_channel


@TIERS
def test_releases_live_only_while_cluster_nodes_and_way_out_do(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    needed = {
        resource.address
        for type in ("google_container_cluster", "google_compute_router_nat", "google_project_iam_member")
        for resource in environment.each(type)
        # A right of pods comes before the one release that has it.
        if resource.address != "google_project_iam_member.secret-reader"
    }
    assert environment.releases
    for release in environment.releases.values():
        assert needed <= environment.comes_after(release), release.address


def test_nothing_in_the_cluster_asks_for_node_groups(stack: StackOf) -> None:
    assert "workload-type" not in stack("prod-gcp").text

"""Who reads secrets: one service account, and only this environment's."""

from tests.conftest import StackOf


def test_only_names_of_this_environment_may_be_read_and_only_by_external_secrets(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    right = prod.one("google_project_iam_member", "secret-reader")
    assert right["role"] == "roles/secretmanager.secretAccessor"
    number = "${data.google_project.keys_project.number}"
    # The number and not the name: IAM compares with what it knows.
    assert right["condition"]["expression"] == f'resource.name.startsWith("projects/{number}/secrets/portal-prod-")'
    release = prod.releases["external-secrets"]
    account = prod.values("external-secrets")["serviceAccount"]["name"]
    assert right["member"].endswith(f".svc.id.goog/subject/ns/{release['namespace']}/sa/{account}")
    assert right.address in prod.comes_after(release)
    assert "google_container_cluster.cluster" in prod.comes_after(right), "it brings the identity pool"


def test_what_the_portal_gets_is_in_reach_of_the_right(stack: StackOf) -> None:
    values = stack("prod-gcp").values("credentials")
    fetched = [secret["remote"] for secret in values["fetched"]]
    assert {"portal-prod-sign-in", "portal-prod-alerts"} == set(fetched)
    assert values["store"]["provider"] == {"gcpsm": {"projectID": "example-portal-prod"}}

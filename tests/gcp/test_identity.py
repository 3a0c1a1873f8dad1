"""Service accounts, and the accounts by which Google acts."""

from portal.gcp.identity import compute_agent, kubernetes_agent
from tests.conftest import StackOf


def test_google_acts_by_accounts_that_carry_the_project_number() -> None:
    assert compute_agent("42") == "serviceAccount:service-42@compute-system.iam.gserviceaccount.com"
    assert kubernetes_agent("42") == "serviceAccount:service-42@container-engine-robot.iam.gserviceaccount.com"


def test_no_account_has_a_key_and_none_has_a_right_over_everything(stack: StackOf) -> None:
    prod = stack("prod-gcp")
    assert not prod.all("google_service_account_key")
    for grant in prod.each("google_project_iam_member"):
        assert grant["role"] not in {"roles/owner", "roles/editor", "roles/viewer"}, grant.address

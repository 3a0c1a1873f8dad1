"""What the project logs, and for how long."""

import pytest

from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = pytest.mark.parametrize("tier", ["dev", "staging", "prod"])


@TIERS
def test_logs_are_kept_as_long_as_the_data_say(stack: StackOf, environments: Environments, tier: str) -> None:
    bucket = stack(f"{tier}-gcp").one("google_logging_project_bucket_config")
    assert bucket["bucket_id"] == "_Default"
    assert bucket["retention_days"] == environments.tiers[tier].clouds.gcp.cluster.log_retention_days


@TIERS
def test_who_reads_the_cluster_is_audited_from_its_first_second(stack: StackOf, tier: str) -> None:
    environment = stack(f"{tier}-gcp")
    audit = environment.one("google_project_iam_audit_config")
    assert audit["service"] == "container.googleapis.com"
    assert {config["log_type"] for config in audit["audit_log_config"]} == {"ADMIN_READ", "DATA_READ", "DATA_WRITE"}
    assert audit.address in environment.comes_after(environment.one("google_container_cluster"))

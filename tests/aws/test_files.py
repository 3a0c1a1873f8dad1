"""EFS: a way in from each zone, over TLS, one folder for TechDocs."""

import pytest

from portal.aws.files import over_tls_from_inside
from portal.spec.loader import Environments
from tests.conftest import StackOf

TIERS = ("dev-aws", "staging-aws", "prod-aws")


@pytest.mark.parametrize("name", TIERS)
def test_every_zone_has_its_own_way_in(stack: StackOf, name: str, environments: Environments) -> None:
    synthesized = stack(name)
    files = synthesized.one("aws_efs_file_system")
    targets = synthesized.referring_to(files, "aws_efs_mount_target")
    subnets = {address for t in targets for address in synthesized.references(t) if address.startswith("aws_subnet.")}
    zones = environments.tiers[name.removesuffix("-aws")].clouds.aws.zones
    assert subnets == {f"aws_subnet.network_data-{zone[-1]}" for zone in zones}
    assert files["encrypted"] is True


@pytest.mark.parametrize("name", TIERS)
def test_it_is_backed_up_and_kept_where_it_matters(stack: StackOf, name: str, environments: Environments) -> None:
    synthesized = stack(name)
    protected = environments.tiers[name.removesuffix("-aws")].protected
    policy = synthesized.one("aws_efs_backup_policy")["backup_policy"]
    assert policy["status"] == ("ENABLED" if protected else "DISABLED")
    assert synthesized.one("aws_efs_file_system")["lifecycle"]["prevent_destroy"] is protected


def test_techdocs_see_their_own_folder_as_the_portals_user(stack: StackOf) -> None:
    point = stack("prod-aws").one("aws_efs_access_point")
    assert point["root_directory"]["path"] == "/techdocs"
    assert point["posix_user"]["uid"] == point["root_directory"]["creation_info"]["owner_uid"] == 1000


def test_nobody_mounts_without_tls_or_from_elsewhere() -> None:
    allow, deny = over_tls_from_inside("arn:aws:elasticfilesystem:::fs")
    assert allow["Condition"] == {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}
    assert "ClientRootAccess" not in str(allow["Action"])
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})

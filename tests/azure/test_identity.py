"""Identities and roles: none held too widely, none used too early."""

from tests.conftest import StackOf


def test_a_role_is_used_only_after_azure_honours_it(stack: StackOf) -> None:
    prod = stack("prod-azure")
    for role in prod.each("azurerm_role_assignment"):
        (wait,) = prod.referring_to(role)
        assert wait.type == "time_sleep", role.address
        assert wait["create_duration"] in {"120s", "300s"}, role.address
        assert prod.referring_to(wait), f"nothing waits for {role.address}"


def test_no_role_reaches_beyond_one_resource(stack: StackOf) -> None:
    prod = stack("prod-azure")
    for role in prod.each("azurerm_role_assignment"):
        assert role["scope"].startswith("${azurerm_"), role.address
        assert not role["scope"].startswith("${azurerm_resource_group."), role.address


def test_azure_is_told_what_each_principal_is(stack: StackOf) -> None:
    prod = stack("prod-azure")
    for role in prod.each("azurerm_role_assignment"):
        made_here = role["principal_id"].startswith("${azurerm_user_assigned_identity.")
        assert role["principal_type"] == ("ServicePrincipal" if made_here else "Group"), role.address

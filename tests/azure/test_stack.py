"""The stack: how Terraform reaches Azure."""

from portal.spec.loader import Environments
from tests.conftest import StackOf


def test_the_stack_works_in_the_tiers_own_subscription(stack: StackOf, environments: Environments) -> None:
    for tier, environment in environments.tiers.items():
        document = stack(f"{tier}-azure").document
        (provider,) = document["provider"]["azurerm"]
        state = document["terraform"]["backend"]["azurerm"]
        assert provider["subscription_id"] == state["subscription_id"] == environment.clouds.azure.subscription
        assert provider["tenant_id"] == state["tenant_id"] == environment.clouds.azure.tenant


def test_no_key_of_a_storage_account_is_used(stack: StackOf) -> None:
    document = stack("prod-azure").document
    (provider,) = document["provider"]["azurerm"]
    assert provider["storage_use_azuread"] is True
    assert document["terraform"]["backend"]["azurerm"]["use_azuread_auth"] is True


def test_every_service_that_the_stack_uses_is_registered_and_no_other_set(stack: StackOf) -> None:
    (provider,) = stack("prod-azure").document["provider"]["azurerm"]
    assert provider["resource_provider_registrations"] == "none"
    assert {"Microsoft.ContainerService", "Microsoft.KeyVault", "Microsoft.Network"} <= set(
        provider["resource_providers_to_register"]
    )


def test_only_an_unprotected_environment_forgets_its_logs_when_destroyed(stack: StackOf) -> None:
    for name, forgets in {"dev-azure": True, "prod-azure": False}.items():
        (provider,) = stack(name).document["provider"]["azurerm"]
        (features,) = provider["features"]
        assert features["log_analytics_workspace"] == [{"permanently_delete_on_destroy": forgets}], name

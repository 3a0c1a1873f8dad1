"""The resource group of one environment."""

from collections.abc import Mapping

from cdktf_cdktf_provider_azurerm.resource_group import ResourceGroup
from constructs import Construct


class Group(Construct):
    """Holds every resource of the environment, and says where they are and how they are tagged.

    azurerm has no default tags, so each resource takes them from here.

    Source: guide, "Azure Architecture", "Environment-based resource grouping".
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, region: str, tags: Mapping[str, str], protected: bool
    ) -> None:
        super().__init__(scope, id)
        group = ResourceGroup(
            self, "Default", name=name, location=region, tags=tags, lifecycle={"prevent_destroy": protected}
        )
        self.name: str = group.name
        self.region = region
        self.tags = tags

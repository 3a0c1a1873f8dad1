"""Which stacks exist, and the app that holds them."""

from collections.abc import Callable
from pathlib import Path

from cdktf import App

from portal.spec.loader import Environments, load_environments
from portal.spec.versions import Versions, load_versions
from portal.stacks.base import PortalStack
from portal.stacks.aws import AwsEnvironment
from portal.stacks.local import LocalStack

LOCAL = "local"
CLOUDS = {"aws": AwsEnvironment}

MakeStack = Callable[[App], PortalStack]


def stacks(environments: Environments, versions: Versions) -> dict[str, MakeStack]:
    """Stack name -> what makes that stack in an app. Making one makes no other."""

    def environment_stack(tier: str, cloud: str) -> MakeStack:
        environment = environments.tiers[tier]
        return lambda app: CLOUDS[cloud](app, f"{tier}-{cloud}", environment=environment, versions=versions)

    return {
        **{f"{tier}-{cloud}": environment_stack(tier, cloud) for tier in environments.tiers for cloud in CLOUDS},
        LOCAL: lambda app: LocalStack(app, LOCAL, environment=environments.local, versions=versions),
    }


def synthesize(environments_folder: Path) -> None:
    """Reads all data, builds every stack and writes `cdktf.out`; on bad data nothing is written.

    Raises `PortalError` if a data file is missing or breaks a rule.
    """
    makers = stacks(load_environments(environments_folder), load_versions())
    app = App()
    for make in makers.values():
        make(app)
    app.synth()

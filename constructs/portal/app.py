"""Which stacks exist, and the app that holds them."""

from collections.abc import Callable, Collection
from pathlib import Path

from cdktf import App

from portal.moves import load_moves, record_moves
from portal.spec.loader import Environments, load_environments
from portal.spec.versions import Versions, load_versions
from portal.stacks.aws import AwsEnvironment
from portal.stacks.azure import AzureEnvironment
from portal.stacks.base import PortalStack, address_collisions
from portal.stacks.bootstrap import AwsBootstrap
from portal.stacks.gcp import GcpEnvironment
from portal.stacks.local import LocalStack
from portal.stacks.shared import AwsShared

LOCAL = "local"
CLOUDS = {"aws": AwsEnvironment, "gcp": GcpEnvironment, "azure": AzureEnvironment}

MakeStack = Callable[[App], PortalStack]


def stacks(environments: Environments, versions: Versions) -> dict[str, MakeStack]:
    """Stack name -> what makes that stack in an app. Making one makes no other."""

    def environment_stack(tier: str, cloud: str) -> MakeStack:
        environment = environments.tiers[tier]
        return lambda app: CLOUDS[cloud](app, f"{tier}-{cloud}", environment=environment, versions=versions)

    return {
        **{f"{tier}-{cloud}": environment_stack(tier, cloud) for tier in environments.tiers for cloud in CLOUDS},
        "bootstrap-aws": lambda app: AwsBootstrap(app, "bootstrap-aws", environments=environments),
        "shared-aws": lambda app: AwsShared(app, "shared-aws", environments=environments),
        LOCAL: lambda app: LocalStack(app, LOCAL, environment=environments.local, versions=versions),
    }


def synthesize(environments_folder: Path, *, only: Collection[str] | None = None, outdir: str | None = None) -> None:
    """Reads all data, builds every stack, or `only` those named, and writes them; on bad data nothing is written.

    `outdir`: None writes where cdktf says. Raises `PortalError` if a data file is missing or breaks a rule, or if two
    constructs meet in one address.
    """
    makers = stacks(load_environments(environments_folder), load_versions())
    app = App(outdir=outdir)
    with address_collisions():
        made = [make(app) for name, make in makers.items() if only is None or name in only]
        if only is None:
            record_moves(made, load_moves())
        app.synth()

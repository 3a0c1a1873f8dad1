"""Fixtures for all tests. Each stack is synthesized once a session, when the first test asks for it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from portal import bindings

bindings.install()

from cdktf import App  # noqa: E402  (bindings come before cdktf)

from portal.app import stacks  # noqa: E402
from portal.spec.loader import Environments, load_environments  # noqa: E402
from portal.spec.versions import Versions, load_versions  # noqa: E402
from tests.synthesized import SynthesizedStack  # noqa: E402

ROOT = Path(__file__).parent.parent

StackOf = Callable[[str], SynthesizedStack]


@pytest.fixture(scope="session")
def environments() -> Environments:
    return load_environments(ROOT / "environments")


@pytest.fixture(scope="session")
def versions() -> Versions:
    return load_versions()


@pytest.fixture(scope="session")
def stack(environments: Environments, versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> StackOf:
    """`stack("prod-aws")`: that stack as committed data make it."""
    makers = stacks(environments, versions)

    @cache
    def synthesize(name: str) -> SynthesizedStack:
        outdir = tmp_path_factory.mktemp(name)
        app = App(outdir=str(outdir))
        makers[name](app)
        app.synth()
        return SynthesizedStack(outdir / "stacks" / name / "cdk.tf.json")

    return synthesize

"""The cluster that these tests run on: one of our own, or the one that KUBECONFIG names."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.cluster.controlplane import ControlPlane, lacking


def needs_programs() -> None:
    """Without the control plane's programs the test is skipped, or fails where CI is set."""
    if advice := lacking():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(advice)


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    """Of a cluster for the whole session."""
    if named := os.environ.get("KUBECONFIG"):
        yield Path(named)
        return
    needs_programs()
    with ControlPlane() as cluster:
        yield cluster.kubeconfig


@pytest.fixture
def own_cluster() -> Iterator[ControlPlane]:
    """Of one test, which may break it."""
    needs_programs()
    with ControlPlane() as cluster:
        yield cluster

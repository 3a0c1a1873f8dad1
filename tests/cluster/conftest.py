"""The cluster that these tests run on: one of our own, or the one that PORTAL_TEST_KUBECONFIG names.

A plain KUBECONFIG is not asked: it may be anybody's, and policies that deny are put in force here. Nor is a named one
by tests side by side, which would meet on it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import kubernetes.config
import pytest
import urllib3

from portal.kubernetes.namespaces import NAMESPACES
from tests.cluster.api import Api, wait
from tools.cluster.controlplane import ControlPlane, lacking

NAMED = "" if "PYTEST_XDIST_WORKER" in os.environ else os.environ.get("PORTAL_TEST_KUBECONFIG", "")


def needs_programs() -> None:
    """Without the control plane's programs the test is skipped, or fails where CI is set."""
    if advice := lacking():
        why = f"needs a control plane of its own, to set flags of and to kill parts of: {advice}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


@contextmanager
def cluster(*, runs_pods: bool = False) -> Iterator[Api]:
    """With nothing of ours in it. One that was named is left as it was found."""
    if not NAMED:
        needs_programs()
        with ControlPlane() as own:
            yield Api(own.kubeconfig)
        return
    api = named()
    if runs_pods:
        needs_simulated_pods(api)
    try:
        yield api
    finally:
        api.clear()


def named() -> Api:
    """Ends the session, in one line, where the cluster is not there or not for us."""
    try:
        api = Api(Path(NAMED).expanduser())
        there = {each["metadata"]["name"] for each in api.read("/api/v1/namespaces")["items"]}
    except (kubernetes.config.ConfigException, urllib3.exceptions.HTTPError, OSError, LookupError) as error:
        refuse(str(error).splitlines()[0])
    if ours := sorted(there & set(NAMESPACES)):
        refuse(f"{api.server} has namespaces of these names, and they are not the tests': {', '.join(ours)}")
    return api


def refuse(why: str) -> NoReturn:
    pytest.exit(f"PORTAL_TEST_KUBECONFIG={NAMED}: {why}", returncode=2)


def needs_simulated_pods(api: Api) -> None:
    """Skips where a pod is not ready without its image: those of the stacks are in nobody's registry."""
    container = {"name": "app", "image": "registry.invalid/none@sha256:" + 64 * "0"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "portal-is-simulated", "namespace": "default"}}
    assert api.apply({**pod, "spec": {"containers": [container]}}, dry_run=False).accepted

    def ready() -> bool:
        status = api.read("/api/v1/namespaces/default/pods/portal-is-simulated")["status"]
        return any((c["type"], c["status"]) == ("Ready", "True") for c in status.get("conditions", ()))

    try:
        wait(ready, "ready pod", seconds=10)
    except AssertionError:
        pytest.skip(
            f"{api.server} runs pods for real, and theirs are images that no registry has: it takes kwok's nodes"
        )
    finally:
        api.clear()


@pytest.fixture
def own_cluster() -> Iterator[ControlPlane]:
    """Of one test, which may break it."""
    needs_programs()
    with ControlPlane() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the log of whoever runs the tests. Also from a worker of xdist, whose standard error is the same."""
    lines: list[str] = []
    yield lines
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *lines, sep="\n", file=sys.stderr)

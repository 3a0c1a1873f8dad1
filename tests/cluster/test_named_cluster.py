"""On somebody's own cluster: only where it is named for this, and what was there is there afterwards, unchanged."""

import os
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import pytest

from tests.cluster.api import Api, Theirs, definitions
from tools.cluster.controlplane import ROOT, ControlPlane

pytestmark = pytest.mark.slow

WHAT = "test_acceptance.py"


def run(environment: Mapping[str, str], *choice: str) -> "subprocess.CompletedProcess[str]":
    """The tests of a person who has set this."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "KUBECONFIG", "PORTAL_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *choice],
        cwd=ROOT / "tests/cluster",
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def state(api: Api) -> dict[str, str]:
    """What is in no namespace, and the version of every kind: a changed one has another."""
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    kinds = {each["metadata"]["name"]: each["metadata"]["generation"] for each in api.read(root)["items"]}
    return dict.fromkeys(api.cluster_scoped(), "") | kinds


@pytest.fixture
def somebodys(own_cluster: ControlPlane) -> Api:
    """With a kind of theirs, of which ours would be another version."""
    api = Api(own_cluster.kubeconfig)
    theirs = deepcopy(next(each for path, each in definitions().items() if "servicemonitors" in path))
    theirs["metadata"]["annotations"] = {"whose": "theirs"}
    theirs["spec"]["names"]["shortNames"] = ["theirs"]
    assert api.apply(theirs, dry_run=False).accepted
    return Api(own_cluster.kubeconfig)


def test_a_named_cluster_is_used_and_left_as_it_was(somebodys: Api) -> None:
    before = state(somebodys)
    done = run({"PORTAL_TEST_KUBECONFIG": str(somebodys.kubeconfig)}, WHAT, "test_running.py", "-k", "local")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout
    assert state(somebodys) == before


def test_a_plain_kubeconfig_is_nobodys_consent(somebodys: Api, tmp_path: Path) -> None:
    before = state(somebodys)
    done = run({"KUBECONFIG": str(somebodys.kubeconfig)}, WHAT, "-k", "every_object and local")
    assert done.returncode == 0, done.stdout[-4000:]
    assert state(somebodys) == before


def test_a_cluster_with_a_namespace_of_our_names_is_refused(somebodys: Api) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}}
    assert somebodys.apply(namespace, dry_run=False).accepted
    before = state(somebodys)
    done = run({"PORTAL_TEST_KUBECONFIG": str(somebodys.kubeconfig)}, WHAT, "-k", "local")
    assert done.returncode == 2
    assert "namespaces of these names, and they are not the tests': monitoring" in done.stdout
    assert "Traceback" not in done.stdout
    assert state(somebodys) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No configuration found"), ("{}", "Expected key"), ("server", "Connection refused")],
)
def test_a_kubeconfig_that_leads_nowhere_is_told_in_one_line(content: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    if content:
        file.write_text(NOBODY if content == "server" else content)
    done = run({"PORTAL_TEST_KUBECONFIG": str(file)}, WHAT, "-k", "every_object and local")
    assert done.returncode == 2
    assert told in done.stdout
    assert "Traceback" not in done.stdout


NOBODY = """
apiVersion: v1
kind: Config
current-context: nobody
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
"""


def test_what_somebody_else_made_is_not_changed(somebodys: Api) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "labels": {"ours": "yes"}}}
    with pytest.raises(Theirs, match="/api/v1/namespaces/default already"):
        somebodys.apply(body, dry_run=False)
    assert somebodys.apply(body, dry_run=True).accepted
    somebodys.clear()
    assert somebodys.has("/api/v1/namespaces/default")

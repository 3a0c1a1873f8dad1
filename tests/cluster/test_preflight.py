"""The look at a real cluster before a run: what an API server, its admission and its rights really say."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from loadtest.autoscaling.feasible import Feasibility
from loadtest.autoscaling.findings import Hold
from loadtest.preflight import of_autoscaler
from tests.charts.rendering import changed, example, render
from tests.cluster.conftest import needs_programs
from tests.cluster.scenes import FLAGS, NAME, Scene, Stage, measured
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.slow

ACCOUNT = "loadtest-master"
TOKEN_SECONDS = 600
"""The shortest that an API server gives."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The portal's autoscaler and three pods of it in two namespaces, one of them with a memory that does not rest."""

    cluster: ControlPlane
    rests: Stage
    full: Stage


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    needs_programs()
    scenes = Scene(name="rests", begins=0), Scene(name="full", begins=0, memory_percent=71)
    idle = Hold(start_seconds=0, end_seconds=600, rate_rps=0, replicas=3)
    folder = tmp_path_factory.mktemp("preflight")
    with ControlPlane(controller_manager=FLAGS) as cluster:
        rests, full = (Stage(cluster, scene, [idle], folder) for scene in scenes)
        with metrics.served(cluster, measured([rests, full])):
            for stage in (rests, full):
                stage.set_up()
            for stage in (rests, full):
                stage.settle()
            yield Places(cluster=cluster, rests=rests, full=full)


@pytest.fixture
def looked_at(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Look":
    return Look(places.cluster, tmp_path, monkeypatch)


class Look:
    def __init__(self, cluster: ControlPlane, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self.kubeconfig = cluster.kubeconfig

    def __call__(self, namespace: str, *, hpa: str = NAME, highest: int = 8) -> Feasibility:
        steps = [
            {"replicas": highest, "rate_rps": 100, "hold_seconds": 60},
            {"replicas": 3, "rate_rps": 0, "hold_seconds": 300},
        ]
        file = self._folder / "autoscaling.yaml"
        file.write_text(yaml.safe_dump({"namespace": namespace, "hpa": hpa, "time_scale": 5, "steps": steps}))
        self._monkeypatch.setenv("KUBECONFIG", str(self.kubeconfig))
        return of_autoscaler(file)


def test_nothing_stands_against_the_portals_own_autoscaler(places: Places, looked_at: Look) -> None:
    assert looked_at(places.rests.namespace) == Feasibility(refusals=(), notes=())


def test_an_autoscaler_that_is_not_there_is_named(places: Places, looked_at: Look) -> None:
    (refusal,) = looked_at(places.rests.namespace, hpa="other").refusals
    assert "there is no HorizontalPodAutoscaler other in namespace scene-rests" in refusal


def test_a_memory_that_cannot_rest_and_a_maximum_that_is_too_low_are_said_at_once(
    places: Places, looked_at: Look
) -> None:
    beyond, rest = looked_at(places.full.namespace, highest=9).refusals
    assert "maxReplicas of HPA portal-frontend is 8" in beyond
    assert "idle memory is 71 % of its request and must be under 57 % for 3 replicas" in rest


def test_a_quota_that_is_too_small_says_how_big_it_must_be(places: Places, looked_at: Look) -> None:
    cluster, namespace = places.cluster, places.rests.namespace
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"requests.memory": "5Gi", "pods": "50"}}}
    cluster.request("POST", path, quota)

    def counted() -> bool:
        return "used" in cluster.request("GET", f"{path}/pods").get("status", {})

    try:
        cluster.wait(counted, "quota that is counted")
        (refusal,) = looked_at(namespace).refusals
    finally:
        cluster.request("DELETE", f"{path}/pods")
    assert "leaves requests.memory for 2 more pods, and the plan needs 5: raise it from 5Gi to 8Gi" in refusal


def test_nodes_that_are_too_small_are_counted_with_what_runs_on_them(places: Places, looked_at: Look) -> None:
    cluster = places.cluster
    nodes = [node["metadata"]["name"] for node in cluster.request("GET", "/api/v1/nodes")["items"]]

    def cordon(*, off: bool) -> None:
        for name in nodes:
            body = {"spec": {"unschedulable": off}}
            cluster.request("PATCH", f"/api/v1/nodes/{name}", body, "application/merge-patch+json")

    cordon(off=True)
    try:
        (refusal,) = looked_at(places.rests.namespace).refusals
    finally:
        cordon(off=False)
    assert "the nodes have room for 0 of the 5 pods that the plan adds, and nobody adds others" in refusal


def test_the_rights_that_the_chart_gives_are_enough_and_one_that_is_taken_away_is_named(
    places: Places, looked_at: Look
) -> None:
    cluster, namespace = places.cluster, places.rests.namespace
    made = render("loadtest", changed(example("loadtest", "prod"), "autoscaler.namespace", namespace))
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    rights = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    role, binding = made.one("Role", "loadtest"), made.one("RoleBinding", "loadtest")
    binding["subjects"][0]["namespace"] = namespace
    cluster.request("POST", accounts, made.one("ServiceAccount", ACCOUNT))
    cluster.request("POST", f"{rights}/roles", role)
    cluster.request("POST", f"{rights}/rolebindings", binding)
    token = cluster.request("POST", f"{accounts}/{ACCOUNT}/token", {"spec": {"expirationSeconds": TOKEN_SECONDS}})
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token["status"]["token"]}
    looked_at.kubeconfig = cluster.kubeconfig.with_name("guest")
    looked_at.kubeconfig.write_text(json.dumps(config))

    allowed = looked_at(namespace)
    assert allowed.refusals == ()
    (note,) = allowed.notes
    assert "the account may not list nodes in the whole cluster (403)" in note
    (credential,) = allowed.credentials
    assert credential.ends_at == pytest.approx(time.time() + TOKEN_SECONDS, abs=15)

    for rule in role["rules"]:
        rule["resources"] = [name for name in rule["resources"] if name != "events"] or ["none"]
    cluster.request("PUT", f"{rights}/roles/loadtest", role)
    # The server's own view of rights is a moment old.
    deadline = time.monotonic() + 10
    while not (refusals := looked_at(namespace).refusals) and time.monotonic() < deadline:
        time.sleep(0.5)
    (refusal,) = refusals
    assert "the sampler may not list events in namespace scene-rests (403)" in refusal

"""The control plane starts, behaves like a cluster, and is gone whichever way its owner goes."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from portal.spec.versions import load_versions
from tests.cluster.conftest import needs_programs
from tools.cluster.controlplane import NAMES, ROOT, ControlPlane

pytestmark = pytest.mark.slow

PODS = "/api/v1/namespaces/default/pods"


def pod(name: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
    }


def readiness(cluster: ControlPlane) -> dict[str, str]:
    pods = cluster.request("GET", PODS)["items"]
    return {
        pod["metadata"]["name"]: next(
            (c["status"] for c in pod["status"].get("conditions", ()) if c["type"] == "Ready"), "-"
        )
        for pod in pods
    }


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def started(*, cwd: Path = ROOT) -> tuple["subprocess.Popen[str]", Path, list[int]]:
    """`python -m tools.cluster`, when it is ready: the process, its folder, the programs that it started."""
    needs_programs()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.cluster"], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    told = re.fullmatch(r"export KUBECONFIG=(\S+)/kubeconfig\n", process.stdout.readline())
    assert told
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, Path(told[1]), [int(pid) for pid in children]


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.05)


def test_it_is_ready_within_15_seconds_and_of_the_version_that_the_stacks_ask_for() -> None:
    needs_programs()
    begun = time.monotonic()
    with ControlPlane() as cluster:
        assert time.monotonic() - begun < 15
        assert set(cluster.pids()) == set(NAMES)
        assert cluster.request("GET", "/version")["gitVersion"].startswith(f"v{load_versions().kubernetes.version}.")


def test_pods_run_and_are_ready_when_their_annotation_says(own_cluster: ControlPlane) -> None:
    after = "cluster.portal/ready-after"
    for name, annotations in {"soon": {}, "later": {after: "4s"}, "not": {after: "never"}}.items():
        own_cluster.request("POST", PODS, pod(name, annotations))
    own_cluster.wait(lambda: readiness(own_cluster) == {"soon": "True", "later": "False", "not": "False"}, "first pod")
    own_cluster.wait(lambda: readiness(own_cluster) == {"soon": "True", "later": "True", "not": "False"}, "second pod")


def test_a_pod_that_is_deleted_goes(own_cluster: ControlPlane) -> None:
    own_cluster.request("POST", PODS, pod("one"))
    own_cluster.wait(lambda: readiness(own_cluster) == {"one": "True"}, "pod")
    own_cluster.request("DELETE", f"{PODS}/one")
    own_cluster.wait(lambda: readiness(own_cluster) == {}, "end of the pod")


def test_an_api_server_that_was_killed_comes_back_with_all_it_had(own_cluster: ControlPlane) -> None:
    own_cluster.request("POST", PODS, pod("kept", {"cluster.portal/ready-after": "never"}))
    own_cluster.kill("kube-apiserver")
    own_cluster.start_apiserver()
    own_cluster.wait(lambda: own_cluster.get("/readyz") == "ok", "API server")
    assert "kept" in readiness(own_cluster)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_leaves_nothing(number: signal.Signals) -> None:
    process, folder, programs = started()
    assert len(programs) == len(NAMES)
    assert folder.exists()
    process.send_signal(number)
    assert process.wait(timeout=20) == 0
    assert not any(alive(pid) for pid in programs)
    assert not folder.exists()


def test_its_programs_die_with_it_even_by_kill_9() -> None:
    process, _, programs = started()
    process.kill()
    process.wait()
    wait_until_gone(programs)


def test_it_dies_with_the_process_that_started_it() -> None:
    needs_programs()
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tools.cluster'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    programs = [int(pid) for pid in Path(f"/proc/{child}/task/{child}/children").read_text().split()]
    parent.kill()
    parent.wait()
    wait_until_gone([child, *programs])


def test_a_program_that_dies_ends_it_with_its_last_words() -> None:
    process, _, programs = started()
    os.kill(programs[0], signal.SIGKILL)
    assert process.wait(timeout=20) == 1
    wait_until_gone(programs)


def test_without_the_programs_it_says_how_to_get_them(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from tools.cluster import __main__, controlplane\n"
        f"controlplane.PROGRAMS = pathlib.Path({str(tmp_path)!r})\n"
        "sys.argv = ['cluster']\n"
        "sys.exit(__main__.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "make cluster-tools" in done.stderr


def test_a_watch_goes_on_after_the_api_server_was_away(own_cluster: ControlPlane) -> None:
    seen: list[str] = []

    def follow() -> None:
        for event in own_cluster.watch("/api/v1/namespaces"):
            seen.append(event["object"]["metadata"]["name"])

    def make(name: str) -> None:
        own_cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def noticed(name: str) -> None:
        own_cluster.wait(lambda: name in seen, f"word of {name}", seconds=20)

    threading.Thread(target=follow, daemon=True).start()
    make("before")
    noticed("before")
    own_cluster.kill("kube-apiserver")
    own_cluster.start_apiserver()
    own_cluster.wait(lambda: own_cluster.get("/readyz") == "ok", "API server")
    make("after")
    noticed("after")
    assert seen.count("before") == 1

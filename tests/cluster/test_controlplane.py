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
from tests.cluster.api import Api
from tests.cluster.conftest import needs_programs
from tools.cluster import controlplane
from tools.cluster.controlplane import NAMES, ROOT, ClusterFailed, ControlPlane

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


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_programs()
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(controlplane, "PATIENCE_SECONDS", 15.0)
    with ControlPlane() as cluster:
        assert Api(cluster.kubeconfig).has("/api/v1/namespaces/default")


def test_who_waits_in_vain_is_told_the_last_refusal(own_cluster: ControlPlane) -> None:
    own_cluster.kill("kube-apiserver")
    with pytest.raises(ClusterFailed, match=r"no answer within 1 s \(.*Connection refused"):
        own_cluster.wait(lambda: own_cluster.get("/readyz") == "ok", "answer", seconds=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_also_while_it_starts(number: signal.Signals, tmp_path: Path) -> None:
    needs_programs()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.cluster"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (programs := [int(pid) for pid in children.read_text().split()]):
        time.sleep(0.02)
    process.send_signal(number)
    try:
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    assert process.stdout is not None
    assert process.stdout.read() == b""
    wait_until_gone(programs)
    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_a_parent_that_dies_while_it_is_still_importing(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "cryptography.py").write_text(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(60)\n"
    )
    script = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'tools.cluster'], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        f"while not pathlib.Path({str(begun)!r}).exists(): time.sleep(0.01)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    wait_until_gone([int(done.stdout)])


def spoilt(fault: str, programs: Path) -> None:
    """The programs' folder with one fault."""
    programs.mkdir()
    for each in controlplane.PROGRAMS.iterdir():
        (programs / each.name).symlink_to(each)
    bad = programs / ("built-from.sum" if fault == "other versions" else "etcd")
    bad.unlink()
    if fault != "not built":
        bad.touch(mode=0o755 if fault == "empty" else 0o644)


@pytest.mark.parametrize(
    ("fault", "told", "code"),
    [
        ("not built", "etcd not built yet: make cluster-tools", 2),
        ("other versions", "holds other versions than", 2),
        ("not executable", "etcd is not usable (Permission denied): make cluster-tools", 1),
        ("empty", "etcd is not usable (Exec format error): make cluster-tools", 1),
    ],
)
def test_programs_that_cannot_be_used_are_told_in_one_line(fault: str, told: str, code: int, tmp_path: Path) -> None:
    needs_programs()
    spoilt(fault, tmp_path / "programs")
    script = (
        "import pathlib, sys\n"
        "from tools.cluster import __main__, controlplane\n"
        f"controlplane.PROGRAMS = pathlib.Path({str(tmp_path / 'programs')!r})\n"
        "sys.argv = ['cluster']\n"
        "sys.exit(__main__.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10
    )
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert told in line


def test_a_cluster_without_nodes_is_refused() -> None:
    command = [sys.executable, "-m", "tools.cluster", "--nodes", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--nodes: at least one" in done.stderr

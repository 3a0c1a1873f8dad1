"""The sampler reads what the API says, and loses nothing but what could not be read."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from loadtest.autoscaling.__main__ import main
from loadtest.autoscaling.record import LINE, Begin, End, Event, Gap, Line, Sample, Spec
from tests.loadtest.autoscaling.fake_api import FakeApi, kubeconfig, running, served, stamp
from tests.loadtest.autoscaling.objects import GUIDE

CaptureFd = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 20.0
COMMAND = [sys.executable, "-m", "loadtest.autoscaling", "--namespace", "developer-portal", "--hpa", "portal-frontend"]


class Running:
    def __init__(self, process: subprocess.Popen[bytes], out: Path) -> None:
        self.process, self.out = process, out

    def lines(self) -> list[Line]:
        text = self.out.read_text() if self.out.exists() else ""
        return [LINE.validate_json(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def samples(self) -> list[Sample]:
        return [line for line in self.lines() if isinstance(line, Sample)]

    def gaps(self) -> list[Gap]:
        return [line for line in self.lines() if isinstance(line, Gap)]

    def wait(self, until: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until():
            assert self.process.poll() is None, f"the sampler ended before {what}"
            assert time.monotonic() < deadline, f"no {what}: {self.lines()[-3:]}"
            time.sleep(0.05)

    def wait_for_more(self, count: int = 2) -> None:
        goal = len(self.samples()) + count
        self.wait(lambda: len(self.samples()) >= goal, f"{count} more samples")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=PATIENCE_SECONDS) == 0


@contextmanager
def sampling(folder: Path, *arguments: str, config: Path | None = None) -> Iterator[Running]:
    out = folder / "samples.jsonl"
    environment = {**os.environ, "KUBECONFIG": str(config or folder / "kubeconfig"), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*COMMAND, "--interval-seconds", "0.1", *arguments, str(out)],
        env=environment,
        cwd=folder,
    )
    try:
        yield Running(process, out)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    fake = FakeApi()
    with served(fake) as port:
        kubeconfig(tmp_path, port)
        yield fake


def test_a_sample_holds_what_the_controller_sees(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more(1)
        sampler.stop()
        begin, spec, sample = sampler.lines()[:3]
        assert isinstance(sampler.lines()[-1], End)
    assert isinstance(begin, Begin)
    assert begin.source == "kubernetes"
    assert isinstance(spec, Spec)
    assert spec.hpa["spec"] == GUIDE["spec"]
    assert isinstance(sample, Sample)
    assert (sample.replicas, sample.ready, sample.desired, sample.minimum, sample.maximum) == (3, 3, 3, 3, 20)
    assert sample.utilization_percent == {"cpu": 44}
    assert [condition.type for condition in sample.conditions] == ["AbleToScale"]
    pod = sample.pods[0]
    assert (pod.name, pod.phase, pod.ready, pod.deleted) == ("portal-frontend-0", "Running", True, False)
    # The sidecar counts, the container that only runs first does not.
    assert pod.requests == {
        "app": {"cpu": 500, "memory": 1024**3 * 1000},
        "proxy": {"cpu": 100, "memory": 64 * 1024**2 * 1000},
    }
    assert sample.usage is not None
    usage = sample.usage["portal-frontend-0"]
    assert (usage.window_seconds, usage.containers["app"]["cpu"]) == (15.5, 220)
    assert 5 < sample.at - usage.at < 20
    assert unquote(api.selectors[0]) == "labelSelector=app.kubernetes.io/name=portal-frontend"


@pytest.mark.parametrize("part", ["horizontalpodautoscalers", "deployments", "/api/v1/namespaces", "events"])
def test_errors_of_the_api_are_a_gap_with_their_reason(api: FakeApi, tmp_path: Path, part: str) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.broken = {part: 503}
        before = len(sampler.samples())
        time.sleep(0.5)
        assert len(sampler.samples()) <= before + 1
        api.broken = {}
        sampler.wait_for_more()
        (gap,) = sampler.gaps()
    assert "503" in gap.reason
    assert 0.3 < gap.end - gap.start < 5


def test_a_server_that_goes_away_and_comes_back_leaves_one_gap(tmp_path: Path) -> None:
    api = FakeApi()
    with ExitStack() as stack:
        with served(api) as port:
            kubeconfig(tmp_path, port)
            sampler = stack.enter_context(sampling(tmp_path))
            sampler.wait_for_more()
        time.sleep(0.5)
        stack.enter_context(served(api, port))
        sampler.wait_for_more()
        (gap,) = sampler.gaps()
    assert gap.end - gap.start > 0.3


@pytest.mark.slow
def test_a_server_that_hangs_is_given_up_on(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.hangs_seconds = 6
        sampler.wait(lambda: time.time() - sampler.samples()[-1].at > 5.5, "silence")
        api.hangs_seconds = 0
        sampler.wait_for_more()
        assert "timed out" in sampler.gaps()[0].reason


def test_a_token_that_runs_out_is_asked_for_again(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.tokens = {"second"}
        time.sleep(0.3)
        (tmp_path / "token").write_text("second")
        sampler.wait_for_more()
        (gap,) = sampler.gaps()
    assert "401" in gap.reason


def test_a_proxy_that_answers_something_else_is_a_gap(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.garbage = True
        time.sleep(0.3)
        api.garbage = False
        sampler.wait_for_more()
        assert "not JSON" in sampler.gaps()[0].reason


def test_metrics_that_fail_are_no_gap_but_a_finding(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        api.broken = {"metrics.k8s.io": 503}
        sampler.wait_for_more()
        sample = sampler.samples()[-1]
        assert sampler.gaps() == []
    assert sample.usage is None
    assert "503" in (sample.metrics_error or "")


def test_an_autoscaler_that_is_deleted_is_seen_gone_and_its_pods_are_watched_on(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.hpa = None
        sampler.wait(lambda: sampler.samples()[-1].desired is None, "sample without an autoscaler")
        api.replicas = 5
        sampler.wait(lambda: sampler.samples()[-1].replicas == 5, "sample of the workload")
        last = sampler.samples()[-1]
        assert sampler.gaps() == []
    assert (last.desired, last.maximum, len(last.pods)) == (None, None, 3)


def test_a_changed_spec_is_written_down(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        assert api.hpa is not None
        api.hpa = api.hpa | {"spec": GUIDE["spec"] | {"maxReplicas": 5}}
        sampler.wait(lambda: sampler.samples()[-1].maximum == 5, "new maximum")
        specs = [line for line in sampler.lines() if isinstance(line, Spec)]
    assert [spec.hpa["spec"]["maxReplicas"] for spec in specs] == [20, 5]


def test_events_of_the_run_are_kept_and_older_ones_left_out(api: FakeApi, tmp_path: Path) -> None:
    def rescaled(size: int) -> dict[str, object]:
        message = f"New size: {size}; reason: cpu above target"
        return {"reason": "SuccessfulRescale", "message": message, "type": "Normal", "lastTimestamp": stamp()}

    old, new = rescaled(3), rescaled(7)
    api.events = [old]
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.events = [old, new]
        sampler.wait_for_more(3)
        events = [line for line in sampler.lines() if isinstance(line, Event)]
    assert [event.message for event in events] == ["New size: 7; reason: cpu above target"]


def test_pods_come_and_go(api: FakeApi, tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        sampler.wait_for_more()
        api.pods = [*api.pods, running("portal-frontend-9", ready=False)]
        sampler.wait(lambda: len(sampler.samples()[-1].pods) == 4, "fourth pod")
        assert sampler.samples()[-1].pods[-1].ready is False


def test_the_sampler_goes_when_its_parent_does(api: FakeApi, tmp_path: Path) -> None:
    out = tmp_path / "samples.jsonl"
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'loadtest.autoscaling', '--namespace', 'developer-portal',"
        f" '--hpa', 'portal-frontend', '--interval-seconds', '0.1', {str(out)!r}])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig"), "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    running = Running(parent, out)
    running.wait_for_more()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "the sampler is still there"
        time.sleep(0.05)
    assert isinstance(running.lines()[-1], End)


def test_prometheus_without_a_manifest_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "loadtest.autoscaling",
            "--namespace",
            "n",
            "--hpa",
            "h",
            "--prometheus",
            "http://p",
            "o",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--prometheus needs --hpa-file" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "-5", "soon", "inf"])
def test_an_interval_that_is_none_is_a_usage_error(seconds: str, tmp_path: Path, capfd: CaptureFd) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*COMMAND[3:], "--interval-seconds", seconds, str(tmp_path / "out")])
    assert f"{seconds} is not a positive number of seconds" in capfd.readouterr().err


@pytest.mark.parametrize("manifest", ["[a, b]", "{metadata: {name: a, namespace: b}}", "text", ""])
def test_a_manifest_that_is_none_is_said_in_one_line(manifest: str, tmp_path: Path, capfd: CaptureFd) -> None:
    (tmp_path / "hpa.yaml").write_text(manifest)
    more = ["--prometheus", "http://127.0.0.1:9", "--hpa-file", str(tmp_path / "hpa.yaml"), str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main([*COMMAND[3:], *more])
    assert "hpa.yaml is no manifest of a HorizontalPodAutoscaler" in capfd.readouterr().err.splitlines()[-1]


def test_without_a_kubeconfig_nothing_is_sampled(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = subprocess.run(
        [*COMMAND, str(out)],
        env={**os.environ, "KUBECONFIG": str(tmp_path / "absent"), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "kubeconfig" in ended.stderr
    assert not out.exists()

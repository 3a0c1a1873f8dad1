"""The table of exit codes, each cause with real Locust processes. docs/loadtest.md has the same table."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from loadtest.report.document import DOCUMENT
from tests.loadtest.autoscaling.fake_api import FakeApi, kubeconfig, node, served, used
from tests.loadtest.autoscaling.objects import calibration, changed
from tests.loadtest.conftest import Run, Target, running_in, seen_by, serving, written
from tests.loadtest.report.test_page import full
from tests.loadtest.test_preflight import json_web_token
from tools.cluster.processes import free_ports

Serve = Callable[..., Target]
Locust = Callable[..., Run]

Fault = Callable[[Serve, Locust, Path], None]
FAULTS: dict[str, Fault] = {}
AT_ONCE = 4


def fault(test: Fault) -> Fault:
    """One that measures nothing which a busy machine could change: these run beside one another."""
    FAULTS[test.__name__] = test
    return test


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[None]"]]:
    def run(name: str, folder: Path) -> None:
        with serving() as serve, running_in(folder) as locust:
            FAULTS[name](serve, locust, folder)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(run, name, tmp_path_factory.mktemp(name)) for name in FAULTS}


SHORT = ("--profile", "steady", "--rate", "20", "--run-time", "4s", "--stop-timeout", "1")
RUNNING = "total users)"
"""Of a busy machine Locust does not say that all were spawned."""


def test_0_when_every_limit_is_met(serve: Serve, locust: Locust) -> None:
    run = locust(*SHORT, host=serve().url)
    assert run.ended() == 0, run.output
    assert run.report["verdict"]["result"] == "passed"
    assert run.report["arrivals"]["dropped"] == 0
    # Below Locust's tables, where whoever ran it looks.
    verdict, report = run.output.rstrip().splitlines()[-2:]
    assert verdict.startswith("Verdict: passed: ")
    assert report == f"Report: {run.directory}"


def test_1_when_the_target_is_slow_with_the_endpoint_named(serve: Serve, locust: Locust) -> None:
    run = locust(*SHORT, host=serve("--delay-seconds", "0.4").url)
    assert run.ended() == 1, run.output
    assert "GET /api/health" in run.report["verdict"]["sentence"]


def test_1_when_it_is_slower_than_its_baseline_though_every_objective_is_met(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    before = locust(*SHORT, host=serve().url)
    assert before.ended() == 0, before.output
    baseline = (before.directory / "report.json").rename(tmp_path / "baseline.json")
    run = locust(*SHORT, "--baseline", str(baseline), host=serve("--delay-seconds", "0.06").url)
    assert run.ended() == 1, run.output
    assert "slower than the baseline: GET /api/health: p50" in run.report["verdict"]["sentence"]
    assert not any(limit["missed"] for limit in run.report["limits"])
    assert "slower than the baseline" in (run.directory / "report.html").read_text()
    again = locust(*SHORT, "--baseline", str(baseline), host=serve().url)
    assert again.ended() == 0, again.output
    other = locust(*SHORT, "--rate", "30", "--baseline", str(baseline), host="http://127.0.0.1:9")
    assert other.ended() == 2
    assert "is of another run: phases" in other.output
    broken = locust(*SHORT, "--baseline", str(tmp_path / "none.json"), host="http://127.0.0.1:9")
    assert broken.ended() == 2
    assert "none.json is not a report of a run" in broken.output


@fault
def exits_1_when_the_target_answers_500(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    run = locust(*SHORT, host=serve("--status", "500").url)
    assert run.ended() == 1, run.output
    assert any("error ratio" in reason for reason in run.reasons())


@fault
def exits_1_when_the_status_is_200_and_the_content_is_wrong(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """An assert in a task is an exception for Locust, not a failure."""
    run = locust(*SHORT, host=serve("--body", '{"status": "down"}').url)
    assert run.ended() == 1, run.output
    assert "content" in next(iter(run.report["endpoints"][0]["failures"]))


@fault
def exits_1_when_what_is_gone_answers_404(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    run = locust(*SHORT, host=serve("--status", "404").url)
    assert run.ended() == 1, run.output


@fault
def exits_1_when_another_success_comes_back_than_was_asked_for(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """To Locust, a 202 is as good as a 200."""
    run = locust(*SHORT, host=serve("--status", "202").url)
    assert run.ended() == 1, run.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--profile", "nonsense"), "nonsense"),
        (("--slo", "absent.yaml"), "No such file"),
        (("--slo", "/dev/null"), "has no objectives"),
        (("--rate", "-3"), "positive"),
        (("--sloo", "x"), "--slo"),
        (("--run-time", "0s"), "run-time = 0 s: nothing would be sent"),
        (("Nobody",), "no user class here: Nobody; there are BrowseCatalogAsGuest, PortalHealth"),
        (("Search",), "no user class here: Search"),
        (("--calibration", "absent.json"), "absent.json is not a report of a run"),
        (("--calibration", "measure"), "is for an autoscaler: give --autoscaling too"),
        (("--profile", "autoscale"), "needs --autoscaling"),
    ],
)
def test_2_for_wrong_usage(locust: Locust, arguments: tuple[str, ...], said: str) -> None:
    run = locust(*arguments, host="http://127.0.0.1:9")
    assert run.ended() == 2, run.output
    assert said in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        ("{namespace: a, hpa: b}", (), "has no steps; give them there, or --calibration"),
        ("{namespace: a, hpa: b, climb: [0]}", (), "climb.0 = 0   must be greater than 0"),
        ("%s", ("--calibration", "measure"), "has steps; give one of the two"),
        ("{namespace: a, hpa: b, climb: [5]%s", (), "climb and hold_seconds are for steps from a calibration"),
    ],
)
def test_2_for_steps_that_are_given_twice_or_not_at_all(
    locust: Locust, tmp_path: Path, file: str, arguments: tuple[str, ...], said: str
) -> None:
    steps = "steps: [{replicas: 6, rate_rps: 20, hold_seconds: 5}]}"
    text = file.replace("%s", f", {steps}" if file.startswith("{") else f"{{namespace: a, hpa: b, {steps}")
    (tmp_path / "autoscaling.yaml").write_text(text)
    run = locust("--autoscaling", str(tmp_path / "autoscaling.yaml"), *arguments, host="http://127.0.0.1:9")
    assert run.ended() == 2, run.output
    assert said in run.output
    assert "Traceback" not in run.output


def test_2_for_objectives_that_are_not_valid_each_with_its_field(locust: Locust, tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text("objectives: [{name: a, latency_ms: {p95: -1}}, {name: b, phasen: [steady]}]")
    run = locust("--slo", str(file), host="http://127.0.0.1:9")
    assert run.ended() == 2, run.output
    for part in (str(file), "objectives.0.latency_ms.p95", "objectives.1.phasen"):
        assert part in run.output


def test_3_when_nobody_listens(locust: Locust) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        run = locust(*SHORT, host=f"http://127.0.0.1:{free.getsockname()[1]}")
        assert run.ended() == 3, run.output
    assert "never got ready" in run.reasons()[0]


def test_3_when_the_name_does_not_resolve(locust: Locust) -> None:
    run = locust(*SHORT, host="http://portal.invalid")
    assert run.ended() == 3, run.output
    assert "portal.invalid" in run.reasons()[0]


@fault
def exits_3_when_the_target_is_frozen_from_the_start(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    target = serve()
    target.freeze()
    run = locust(*SHORT, host=target.url)
    assert run.ended() == 3, run.output
    assert "never got ready" in run.reasons()[0]


@pytest.mark.slow
@pytest.mark.realtime
def test_1_when_the_target_freezes_in_the_run_and_requests_hang_at_its_end(serve: Serve, locust: Locust) -> None:
    """Locust itself drops what is under way at the end, and reports no failure."""
    target = serve()
    run = locust(*SHORT, host=target.url)
    run.wait_for(RUNNING)
    time.sleep(1)
    target.freeze()
    assert run.ended() == 1, run.output
    assert any("no answer before the run ended" in reason for reason in run.report["endpoints"][0]["failures"])
    assert max(endpoint["latency_ms"]["maximum"] for endpoint in run.report["endpoints"]) > 1000


def test_3_for_production_without_the_flag(serve: Serve, locust: Locust) -> None:
    run = locust(*SHORT, "--production-host", "127.*", host=serve().url)
    assert run.ended() == 3, run.output
    assert "--yes-load-production" in run.reasons()[0]


@pytest.mark.slow
@pytest.mark.realtime
def test_3_when_too_few_users_can_offer_the_plan(serve: Serve, locust: Locust) -> None:
    run = locust(*SHORT, "--users", "2", host=serve("--delay-seconds", "1").url)
    assert run.ended() == 3, run.output
    assert any(reason.startswith("offered ") for reason in run.reasons())


STARVED = """
import gevent
from gevent.monkey import get_original


@events.test_start.add_listener
def starve(**_):
    def run():
        while True:
            # As a neighbour does, or a limit: the whole process stands still, and needs no CPU.
            get_original("time", "sleep")(0.3)
            gevent.sleep(0.3)

    gevent.spawn(run)
"""


@fault
def exits_3_when_the_generator_is_starved_and_not_1_as_if_the_target_were_slow(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    run = locust(*SHORT, host=serve().url, file=written(tmp_path, STARVED))
    assert run.ended() == 3, run.output
    assert re.match("the generator local itself was over 50 ms late for [3-6][0-9]% of phase", run.reasons()[0])
    (generator,) = run.report["generators"]
    assert generator["cpu_percent_maximum"] < 90
    assert generator["late_percent"] > 30


@fault
def exits_1_when_the_last_arrivals_get_no_answer_though_there_were_few_of_them(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    """Two users are busy with a target that hangs; who came after that was in no percentile and in no ratio."""
    # Of some 171, with one of the preflight.
    target = serve("--healthy-answers", "165", "--delay-seconds", "60")
    few = ("--profile", "steady", "--rate", "20", "--run-time", "9s", "--stop-timeout", "1", "--users", "2")
    slo = tmp_path / "slo.yaml"
    slo.write_text("objectives: [{name: answers, error_ratio: 0.02}]")
    run = locust(*few, "--slo", str(slo), "--arrivals", "constant", host=target.url, file=written(tmp_path, ""))
    assert run.ended() == 1, run.output
    (steady,) = (each for each in run.report["endpoints"] if each["phase"] == "steady")
    dropped = steady["failures"]["dropped: no user was free for it"]
    assert 0 < dropped == run.report["arrivals"]["dropped"]
    assert steady["failed"] == dropped + steady["failures"]["Unfinished: no answer before the run ended"]
    assert run.report["arrivals"]["started"] >= 0.95 * run.report["arrivals"]["planned"]


@fault
def exits_3_for_a_token_that_ends_and_a_rate_that_nobody_can_send_both_at_once(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    token = json_web_token({"exp": time.time() + 60})
    run = locust("--profile", "steady", "--rate", "9000", "--run-time", "90s", host=serve().url, PORTAL_TOKEN=token)
    assert run.ended() == 3, run.output
    fast, ends = run.reasons()
    assert "start 3 on as many cores (--processes" in fast
    assert "the run takes 90 s, and nobody renews it" in ends
    assert token not in run.output
    assert run.report["endpoints"] == []


@fault
def exits_3_when_a_token_is_refused(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    target = serve("--healthy-answers", "1", "--status", "401")
    run = locust(*SHORT, host=target.url, PORTAL_TOKEN="stale-secret")
    assert run.ended() == 3, run.output
    assert "PORTAL_TOKEN is refused" in run.reasons()[0]
    assert "stale-secret" not in run.output


@fault
def exits_3_when_nothing_was_measured_for_an_objective(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """Elsewhere, what has no samples passes."""
    file = tmp_path / "slo.yaml"
    file.write_text("objectives: [{name: search, endpoints: ['GET /api/search/*'], latency_ms: {p95: 300}}]")
    run = locust(*SHORT, "--slo", str(file), host=serve().url)
    assert run.ended() == 3, run.output
    assert "search: nothing was measured for its p95" in run.reasons()


@fault
def exits_3_when_not_a_single_request_was_sent(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """Locust's own exit code for that is 0."""
    run = locust("--profile", "steady", "--rate", "0.01", "--run-time", "2s", host=serve().url)
    assert run.ended() == 3, run.output
    assert "not a single request was sent" in run.reasons()


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_3_when_interrupted_with_a_report_of_what_there_was(serve: Serve, locust: Locust, number: int) -> None:
    run = locust(*SHORT[:4], "--run-time", "60s", "--stop-timeout", "1", host=serve().url)
    run.wait_for(RUNNING)
    time.sleep(2)
    run.process.send_signal(number)
    assert run.ended() == 3, run.output
    assert "interrupted after" in run.reasons()[0]
    assert run.report["endpoints"][0]["requests"] > 5


@fault
def exits_3_when_a_run_of_the_web_ui_is_terminated(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """The first Ctrl-C would stop the run alone: that is Locust's own way with --autostart."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    run = locust(*SHORT[:4], "--run-time", "60s", "--processes", "2", "--stop-timeout", "1", "--autostart",
                 "--web-host", "127.0.0.1", "--web-port", port, host=serve().url, headless=False)  # fmt: skip
    run.wait_for(RUNNING)
    time.sleep(1)
    run.process.send_signal(signal.SIGTERM)
    assert run.ended() == 3, run.output
    assert (next(run.directory.iterdir()) / "report.json").exists()


@fault
def exits_3_when_the_disk_is_full_and_the_reason_is_still_said(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    directory = tmp_path / "report"
    directory.mkdir()
    # Every write to it fails with "No space left on device".
    (directory / "report.json.part").symlink_to("/dev/full")
    run = locust(*SHORT, host=serve().url)
    assert run.ended() == 3, run.output
    assert "report.json could not be written: No space left on device" in run.output
    assert (directory / "run.json.gz").exists()


def test_3_when_a_worker_is_killed(serve: Serve, locust: Locust) -> None:
    """Locust's own exit code for that is 0."""
    run = locust(*SHORT[:4], "--run-time", "10s", "--processes", "2", "--stop-timeout", "1", host=serve().url)
    run.wait_for(RUNNING)
    time.sleep(2)
    run.children()[0].kill()
    assert run.ended() == 3, run.output
    assert any("was lost at" in reason for reason in run.reasons())
    assert run.report["endpoints"][0]["requests"] > 5


@pytest.mark.slow
@pytest.mark.realtime
def test_workers_lose_no_sample(serve: Serve, locust: Locust) -> None:
    run = locust(*SHORT, "--processes", "2", host=serve().url, LOCUST_LOGLEVEL="WARNING")
    assert run.ended() == 0, run.output
    arrivals, endpoints = run.report["arrivals"], run.report["endpoints"]
    assert sum(endpoint["requests"] for endpoint in endpoints) == arrivals["started"] == arrivals["planned"] > 50
    assert len(run.report["generators"]) == 2


@fault
def ctrl_c_on_the_whole_group_still_gives_all_samples(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    run = locust(*SHORT[:4], "--run-time", "60s", "--processes", "2", "--stop-timeout", "1", host=serve().url)
    run.wait_for(RUNNING)
    time.sleep(2)
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.ended() == 3, run.output
    assert "interrupted after" in " ".join(run.reasons())
    assert run.report["endpoints"][0]["requests"] > 5


def with_workers(locust: Locust, host: str, *arguments: str, workers: int) -> tuple[Run, dict[str, str]]:
    """A master that waits for so many, and what they must be told to find it."""
    port = str(*free_ports(1))
    place = {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
    master = ("--master", "--expect-workers", str(workers), "--stop-timeout", "1")
    return locust(*SHORT[:4], *master, *arguments, host=host, **place), place


@fault
def exits_3_when_a_worker_joins_in_the_run_and_that_one_sends_nothing(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    """Locust gives it users, of which nobody would know."""
    target = serve()
    run, place = with_workers(locust, target.url, "--run-time", "10s", workers=1)
    locust("--worker", host=target.url, **place)
    run.wait_for(RUNNING)
    locust("--worker", host=target.url, **place)
    run.wait_for("2 workers connected")
    assert run.ended() == 3, run.output
    assert any("a worker joined at " in reason for reason in run.reasons()), run.reasons()
    # One is the preflight's.
    assert seen_by(target)["answered"] == 1 + sum(each["requests"] for each in run.report["endpoints"])


@fault
def exits_3_when_a_worker_has_not_the_masters_journeys(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    target = serve()
    run, place = with_workers(locust, target.url, "--run-time", "60s", workers=1)
    locust("--worker", host=target.url, **place, LOCUST_USER_CLASSES="Probe")
    assert run.ended() == 3, run.output
    assert "does not have PortalHealth, which the master has" in run.reasons()[0]
    assert run.report["duration_seconds"] < 30


@fault
def exits_3_when_the_workers_never_come(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """Locust's own exit code for that is 1, as if a limit had been missed."""
    run, place = with_workers(locust, "http://127.0.0.1:9", "--expect-workers-max-wait", "4", workers=2)
    locust("--worker", host="http://127.0.0.1:9", **place)
    assert run.ended() == 3, run.output
    assert "1 of 2 workers came within 4 s" in run.reasons()[0]


@fault
def exits_3_when_interrupted_while_workers_are_waited_for(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    run, _ = with_workers(locust, "http://127.0.0.1:9", workers=2)
    run.wait_for("Waiting for workers")
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 3, run.output
    assert "the run never started" in run.reasons()[0]
    assert "Traceback" not in run.output


def interrupted_twice(serve: Serve, locust: Locust, *arguments: str) -> None:
    """While the target hangs, so that there is something to wait for."""
    target = serve()
    run = locust(*SHORT[:4], "--run-time", "60s", "--stop-timeout", "30", *arguments, host=target.url)
    run.wait_for(RUNNING)
    time.sleep(3)
    target.freeze()
    time.sleep(1)
    os.killpg(run.process.pid, signal.SIGINT)
    time.sleep(1.5)
    os.killpg(run.process.pid, signal.SIGINT)
    interrupted = time.monotonic()
    assert run.ended() == 3, run.output
    assert time.monotonic() - interrupted < 15
    assert "Traceback" not in run.output
    assert ["interrupted after" in reason for reason in run.reasons()] == [True]
    assert run.report["endpoints"][0]["requests"] > 5
    assert any("no answer before the run ended" in why for each in run.report["endpoints"] for why in each["failures"])


@fault
def a_second_ctrl_c_ends_the_waiting_and_not_the_report(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    interrupted_twice(serve, locust)


@fault
def a_second_ctrl_c_on_master_and_workers_ends_the_waiting_too(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    interrupted_twice(serve, locust, "--processes", "2")


NO_VERDICT = """
import loadtest.conductor


def judge(run, targets):
    raise ValueError("minReplicas is 0")


loadtest.conductor.judge = judge
"""


@fault
def exits_3_when_no_verdict_can_be_worked_out_with_what_was_recorded(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    run = locust(*SHORT, host=serve().url, file=written(tmp_path, NO_VERDICT))
    assert run.ended() == 3, run.output
    assert run.reasons() == ["no verdict could be worked out: ValueError: minReplicas is 0"]
    assert run.report["endpoints"][0]["requests"] > 5
    assert (run.directory / "run.json.gz").exists()


NO_PAGE = """
import loadtest.report.files


def page(document):
    raise KeyError("plots")


loadtest.report.files.REPORTS["report.html"] = page
"""


@fault
def exits_3_when_one_form_of_the_report_cannot_be_made_and_the_others_say_so(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    run = locust(*SHORT, host=serve().url, file=written(tmp_path, NO_PAGE))
    assert run.ended() == 3, run.output
    assert "report.html could not be written: KeyError: 'plots'" in run.reasons()[0]
    assert (run.directory / "junit.xml").exists()


@fault
def a_run_that_is_killed_leaves_no_report_of_the_one_before(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    run = locust(*SHORT[:4], "--run-time", "60s", host=serve().url)
    run.directory.mkdir()
    (run.directory / "report.json").write_text("passed")
    run.wait_for(RUNNING)
    run.process.kill()
    run.process.wait()
    assert list(run.directory.iterdir()) == []


@fault
def exits_1_or_0_by_the_limits_that_were_there_as_the_run_began(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text("objectives: [{name: all, latency_ms: {p95: 50}}]")
    run = locust(*SHORT, "--slo", str(file), host=serve("--delay-seconds", "0.2").url)
    run.wait_for(RUNNING)
    file.unlink()
    assert run.ended() == 1, run.output
    assert "all: p95" in run.report["verdict"]["sentence"]


@fault
def without_a_token_guests_journeys_run_and_the_report_names_the_others(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    run = locust(*SHORT, host=serve("--body", "# TYPE", "--token-seconds", "60").url, LOCUST_USER_CLASSES="")
    run.ended()
    journeys = run.report["journeys"]
    assert journeys["shares"].keys() == {"BrowseCatalogAsGuest", "PortalHealth", "Probe", "SignIn"}
    assert journeys["left_out"] == dict.fromkeys(
        ("BrowseCatalog", "Search", "ReadDocs", "VisitMarketplace", "Scaffold"), "PORTAL_TOKEN is not set"
    )
    for name in ("summary.md", "report.html"):
        assert "Search (PORTAL" in (run.directory / name).read_text().replace("\\", ""), name


@fault
def exits_3_when_all_workers_are_killed(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    run = locust(*SHORT[:4], "--run-time", "30s", "--processes", "2", "--stop-timeout", "1", host=serve().url)
    run.wait_for(RUNNING)
    time.sleep(4)
    for worker in run.children():
        worker.kill()
    assert run.ended() == 3, run.output
    assert sum("was lost at" in reason for reason in run.reasons()) == 2, run.output
    assert run.report["endpoints"][0]["requests"] > 5


ON_WORKERS = """
from locust.runners import WorkerRunner


@events.init.add_listener
def begin(environment, **_):
    if isinstance(environment.runner, WorkerRunner):
        on_worker(environment)


def on_worker(environment):
"""
ANOTHER_CLOCK = """
    real = time.time
    time.time = lambda: real() + 5
"""
LOSES_A_REPORT = """
    def lose(data, **_):
        if data.get("loadtest", {}).get("number") == 1:
            del data["loadtest"]

    environment.events.report_to_master.add_listener(lose)
"""


def told(locust: Locust, host: str, folder: Path, worker_does: str, *, seconds: int) -> list[str]:
    """Reasons of a run whose one worker does something to what it tells the master."""
    run = locust(*SHORT[:4], "--run-time", f"{seconds}s", "--processes", "1", "--stop-timeout", "1",
                 host=host, file=written(folder, ON_WORKERS + worker_does))  # fmt: skip
    assert run.ended() == 3, run.output
    return run.reasons()


@fault
def exits_3_when_a_worker_has_another_time(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    reasons = told(locust, serve().url, tmp_path, ANOTHER_CLOCK, seconds=3)
    assert any("is +5.0 s off the master's" in reason for reason in reasons), reasons


CLOCKS_ARE_SET = """
from locust.runners import WorkerRunner


def set_clock(seconds):
    real = time.time
    time.time = lambda: real() + seconds


@events.init.add_listener
def begin(environment, **_):
    of_a_worker = isinstance(environment.runner, WorkerRunner)
    heard = environment.events.request if of_a_worker else environment.events.worker_report
    times = iter([None] * (20 if of_a_worker else 1))

    def count(**_):
        if next(times, "done") == "done":
            heard.remove_listener(count)
            set_clock(30 if of_a_worker else -30)

    heard.add_listener(count)
"""


@fault
def exits_0_when_clocks_are_set_in_the_run(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """A worker's half a minute forward, the master's back: times are by what has passed since the start.

    After a whole minute forward Locust's worker believes that the master is gone, and the run is interrupted.
    """
    run = locust(*SHORT[:4], "--run-time", "10s", "--processes", "1", "--stop-timeout", "1",
                 host=serve().url, file=written(tmp_path, CLOCKS_ARE_SET))  # fmt: skip
    assert run.ended() == 0, run.output
    (worker,) = run.report["generators"]
    assert abs(worker["clock_offset_seconds"]) < 0.5
    assert run.report["duration_seconds"] == 10
    assert run.report["endpoints"][0]["latency_ms"]["maximum"] < 5000


@fault
def exits_3_when_a_report_of_a_worker_is_lost(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    reasons = told(locust, serve().url, tmp_path, LOSES_A_REPORT, seconds=8)
    assert any("1 reports of worker" in reason for reason in reasons), reasons


BUSY = """
import os

if os.getuid() == 0:
    # The machine may have other things to do; this one is to use all that it can get.
    os.nice(-15)


def think(self):
    until = time.perf_counter() + 0.4
    while time.perf_counter() < until:
        pass
    return 0.0


Asking.wait_time = think
"""


@pytest.mark.slow
@pytest.mark.realtime
def test_3_when_the_generator_measures_itself(serve: Serve, locust: Locust, locustfile: Callable[[str], Path]) -> None:
    """Locust itself only warns."""
    run = locust("--profile", "steady", "--arrivals", "closed", "--users", "2", "--run-time", "10s",
                 "--stop-timeout", "1", host=serve().url, file=locustfile(BUSY))  # fmt: skip
    assert run.ended() == 3, run.output
    # Or that it is late: beside other programs it may have no 90 % of a core.
    assert run.reasons()[0].startswith("the generator local "), run.reasons()


STEPS = """
namespace: developer-portal
hpa: portal-frontend
interval_seconds: 0.5
steps: [{replicas: 6, rate_rps: 20, hold_seconds: 5}]
"""
CLIMB = "{namespace: developer-portal, hpa: portal-frontend, interval_seconds: 0.5, climb: [6]}"


@contextmanager
def autoscaled(
    serve: Serve,
    locust: Locust,
    folder: Path,
    api: FakeApi,
    *more: str,
    file: str = STEPS,
    slo: str = "{name: a, phases: [transient], error_ratio: 0}",
    lives_seconds: float | None = None,
) -> Iterator[Run]:
    """A run that is to take an autoscaler from 3 replicas to 6. `lives_seconds`: of a token that kubeconfig holds,
    in place of a plugin."""
    (folder / "autoscaling.yaml").write_text(file)
    (folder / "slo.yaml").write_text(f"objectives: [{slo}]")
    arguments = ("--autoscaling", str(folder / "autoscaling.yaml"), "--slo", str(folder / "slo.yaml"), *more)
    with served(api) as port:
        config = kubeconfig(folder, port)
        if lives_seconds is not None:
            token = json_web_token({"exp": time.time() + lives_seconds})
            api.tokens = {token}
            users = [{"name": "test", "user": {"token": token}}]
            config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | {"users": users}))
        yield locust(*arguments, host=serve().url, KUBECONFIG=str(folder / "kubeconfig"))


@contextmanager
def watching(serve: Serve, locust: Locust, folder: Path) -> Iterator[tuple[Run, FakeApi]]:
    """Whose metrics ask for no more than 3, once it is under way."""
    api = FakeApi()
    with autoscaled(serve, locust, folder, api) as run:
        run.wait_for(RUNNING)
        yield run, api


@fault
def exits_4_when_the_autoscaler_is_gone_though_every_limit_was_met(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    with watching(serve, locust, tmp_path) as (run, api):
        time.sleep(3)
        api.hpa = None
        assert run.ended() == 4, run.output
    assert run.report["verdict"]["result"] == "autoscaler_wrong"
    assert any("was deleted" in reason for reason in run.reasons())


@fault
def exits_3_when_the_autoscaler_cannot_be_read(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    file = tmp_path / "autoscaling.yaml"
    file.write_text(STEPS)
    run = locust("--autoscaling", str(file), host=serve().url, KUBECONFIG=str(tmp_path / "absent"))
    assert run.ended() == 3, run.output
    assert any("the sampler cannot read the cluster" in reason for reason in run.reasons()), run.output
    assert run.report["endpoints"] == []


@fault
def exits_3_when_the_cluster_does_not_allow_the_plan_with_all_that_is_in_the_way(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    api = FakeApi()
    api.hpa = changed(maxReplicas=5)
    api.broken = {"events": 403, "nodes": 403}
    with autoscaled(serve, locust, tmp_path, api) as run:
        assert run.ended() == 3, run.output
    assert run.report["ended"] == "refused"
    assert run.report["endpoints"] == []
    beyond, forbidden = sorted(run.reasons(), key=lambda reason: "may not" in reason)[:2]
    assert "maxReplicas of HPA portal-frontend is 5" in beyond
    assert "may not list events" in forbidden
    assert "Preflight: whether the nodes have room for 2 more pods is not known" in run.output


@fault
def exits_3_when_the_samplers_own_token_ends_before_the_plan_does(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    api = FakeApi()
    file = STEPS.replace("hold_seconds: 5", "hold_seconds: 900")
    with autoscaled(serve, locust, tmp_path, api, file=file, lives_seconds=300) as run:
        assert run.ended() == 3, run.output
    assert run.report["ended"] == "refused"
    (reason,) = run.reasons()
    assert "the token of user test in kubeconfig expires in" in reason
    assert "the run takes 900 s" in reason
    assert run.report["endpoints"] == []


def measured_before(folder: Path) -> tuple[FakeApi, str]:
    """A cluster whose pods do nothing, and the report of a run that measured what an arrival costs them."""
    api = FakeApi()
    api.usage = [used(f"portal-frontend-{index}", "50m") for index in range(3)]
    earlier = folder / "earlier.json"
    earlier.write_bytes(DOCUMENT.dump_json(full(calibration=calibration(journeys={"PortalHealth": 1.0}))))
    return api, str(earlier)


@fault
def exits_3_when_the_samplers_own_token_ends_before_the_steps_of_a_calibration_do(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    """How long they take is not known before."""
    api, earlier = measured_before(tmp_path)
    more = ("--calibration", earlier)
    with autoscaled(serve, locust, tmp_path, api, *more, file=CLIMB, lives_seconds=300) as run:
        assert run.ended() == 3, run.output
    assert run.report["ended"] == "aborted"
    assert "the token of user test in kubeconfig expires in" in run.reasons()[0]


@fault
def exits_4_when_the_autoscaler_is_gone_and_a_limit_was_missed_too(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    api = FakeApi()
    with autoscaled(serve, locust, tmp_path, api, slo="{name: a, phases: [transient], latency_ms: {p50: 0.01}}") as run:
        run.wait_for(RUNNING)
        time.sleep(3)
        api.hpa = None
        assert run.ended() == 4, run.output
    assert run.report["verdict"]["result"] == "autoscaler_wrong"
    assert "slo_missed" in {reason["result"] for reason in run.report["verdict"]["reasons"]}


@fault
def exits_3_when_a_calibration_has_no_readings_to_go_by(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """Of metrics that stand still there is one at most."""
    file = "{namespace: developer-portal, hpa: portal-frontend, interval_seconds: 0.5, time_scale: 40}"
    api = FakeApi()
    api.nodes = [node("node-0"), node("node-1")]
    with autoscaled(serve, locust, tmp_path, api, "--calibration", "measure", file=file) as run:
        assert run.ended() == 3, run.output
    assert run.report["ended"] == "aborted"
    assert run.reasons() == [run.report["verdict"]["sentence"]]
    assert "0 readings without load and a calibration needs 5" in run.reasons()[0]
    assert run.report["calibration"] is None


@fault
def a_calibration_of_an_earlier_report_gives_the_steps_and_is_in_the_next_one(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    api, earlier = measured_before(tmp_path)
    with autoscaled(serve, locust, tmp_path, api, "--calibration", earlier, file=CLIMB) as run:
        run.wait_for("Step to 3 replicas: 0 arrivals/s")
        time.sleep(4)
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == 3, run.output
    assert [phase["replicas"] for phase in run.report["phases"]] == [None, 6, 3]
    # An idle pod uses 50m, an arrival a second costs 30m more, and each replica is good for 70 % of 600m.
    rate = run.report["phases"][1]["offered_rps"]
    assert 5 < (6 * 50 + rate * 30) / 420 < 6
    assert run.report["calibration"]["source"] == full().started_at
    assert run.report["endpoints"][0]["requests"] > 5
    assert "one arrival a second costs 30 m of cpu" in (run.directory / "summary.md").read_text()
    assert "one arrival a second costs 30 m of cpu" in (run.directory / "report.html").read_text()


@fault
def exits_3_when_nothing_asked_for_more_replicas(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    """The replicas stayed where they were, and the autoscaler is right."""
    with watching(serve, locust, tmp_path) as (run, _):
        assert run.ended() == 3, run.output
    assert run.report["verdict"]["result"] == "load_did_not_warrant_scaling"
    assert any("asked for no more than" in reason for reason in run.reasons())


@fault
def exits_3_when_the_sampler_is_killed(serve: Serve, locust: Locust, tmp_path: Path) -> None:
    with watching(serve, locust, tmp_path) as (run, _):
        time.sleep(2)
        (sampler,) = (child for child in run.children() if "loadtest.autoscaling" in child.cmdline())
        sampler.kill()
        assert run.ended() == 3, run.output
    assert any("replica samples are missing" in reason for reason in run.reasons()), run.reasons()


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize("name", FAULTS)
def test_each_of_the_faults_that_run_beside_one_another(outcomes: dict[str, "Future[None]"], name: str) -> None:
    outcomes[name].result()

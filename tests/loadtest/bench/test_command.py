"""`python -m loadtest.bench`: its table, its file, its exit codes, and that it leaves nothing running."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtest.bench import __main__ as command
from loadtest.bench import arrivals, target, users
from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.target import BenchFailed, Missing
from tests.conftest import ROOT

KEPT = Figure(what="kept", measured=3, unit="ms", at_most=10)
MISSED = Figure(what="missed", measured=12, unit="ms", at_most=10)
TO_SEE = Figure(what="wrk", measured=None, unit="requests/s", note="not installed")


def part(*found: Figure | BaseException) -> Part[bool]:
    def measure(folder: Path, say: Say, quick: bool) -> Iterator[Figure]:
        assert folder.is_dir()
        for each in found:
            if isinstance(each, BaseException):
                raise each
            yield each

    return Part(about="planted", measure=measure, full=False, quick=True)


def run(monkeypatch: pytest.MonkeyPatch, parts: Mapping[str, Part[Any]], *words: str) -> int:
    monkeypatch.setattr(command, "PARTS", parts)
    before = signal.getsignal(signal.SIGTERM)
    try:
        return command.main(words)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ((KEPT, TO_SEE), 0),
        ((KEPT, MISSED), 1),
        ((MISSED, Missing("nginx is needed")), 2),
        ((MISSED, BenchFailed("Locust ended with 1")), 3),
        ((MISSED, KeyboardInterrupt()), 130),
    ],
)
def test_exit_codes_and_what_was_measured_by_then(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    found: tuple[Any, ...],
    code: int,
) -> None:
    file = tmp_path / "figures.json"
    assert run(monkeypatch, {"some": part(*found)}, "--json", str(file)) == code
    told = json.loads(file.read_text())
    expected = [each for each in found if isinstance(each, Figure)]
    assert [each["what"] for each in told["figures"]] == [each.what for each in expected]
    assert [each["kept"] for each in told["figures"]] == [each.kept for each in expected]
    assert told["complete"] is (code < 2)
    out, err = capsys.readouterr()
    for each in expected:
        [line] = [line for line in out.splitlines() if f" {each.what} " in line]
        assert each.told() in line
        assert each.judgement() in line
        assert each.note in line
    if isinstance(found[-1], Missing | BenchFailed):
        assert str(found[-1]) in err


def test_only_measures_what_is_named_in_that_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"one": part(KEPT), "two": part(MISSED), "three": part(TO_SEE)}
    assert run(monkeypatch, parts, "--only", "three", "--only", "one") == 0
    out = capsys.readouterr().out
    assert out.index("wrk") < out.index("kept")
    assert "missed" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "everything"), "invalid choice: 'everything' (choose from 'users', "),
        (("--json", "/nowhere/figures.json"), "/nowhere/figures.json cannot be written"),
        (("--json", "/tmp"), "/tmp cannot be written; name a file"),
    ],
)
def test_usage_ends_with_2_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_without_nginx_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(target, "SEARCHED", ())
    assert run(monkeypatch, {"users": users.PART}) == 2
    assert "apt-get install nginx" in capsys.readouterr().err


def needs_nginx() -> None:
    """Without it the test is skipped, or fails where CI is set."""
    try:
        target.nginx()
    except Missing as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))


def test_the_target_answers_stands_still_when_told_and_is_gone_afterwards() -> None:
    needs_nginx()
    with target.serving() as serving:
        ask = ["curl", "--silent", "--max-time", "1", f"{serving.url}/api/health"]
        assert json.loads(subprocess.check_output(ask)) == {"status": "ok"}
        process = psutil.Process(serving.program.pid)
        assert process.children() == [], "what is frozen is all of it"
        serving.freeze()
        assert subprocess.run(ask, check=False).returncode == 28, "curl's code of a timeout"
        serving.thaw()
        assert subprocess.run(ask, check=False).returncode == 0
        serving.freeze()
    assert not process.is_running()


@pytest.mark.slow
def test_our_user_is_measured_beside_locusts_own(tmp_path: Path) -> None:
    needs_nginx()
    found = list(users.figures(tmp_path, lambda _: None, users.Rounds(1, 5)))
    stock, ours, checked, cost, with_checks = (each.measured or 0.0 for each in found)
    assert min(stock, ours, checked) > 100
    assert cost == pytest.approx(100 * (1 - ours / stock))
    assert with_checks == pytest.approx(100 * (1 - checked / stock))
    assert found[3].at_most == 5
    assert cost < 50


@pytest.mark.slow
def test_open_arrivals_are_measured(tmp_path: Path) -> None:
    needs_nginx()
    with target.serving() as serving:
        delay, dropped = arrivals.punctual(serving, tmp_path, lambda _: None, 5)
    assert delay.measured is not None
    assert 0 < delay.measured < 10_000
    assert dropped.kept


@pytest.mark.slow
def test_ctrl_c_stops_all_that_it_started_and_says_so(tmp_path: Path) -> None:
    needs_nginx()
    file = tmp_path / "figures.json"
    bench = subprocess.Popen(
        [sys.executable, "-m", "loadtest.bench", "--only", "recording", "--only", "users", "--quick", "--json", file],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        started = children(bench.pid, 2)
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=20)
    finally:
        bench.kill()
    assert bench.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert "recording a request" in out
    assert json.loads(file.read_text())["complete"] is False
    assert psutil.wait_procs(started, timeout=5)[1] == []


def children(pid: int, count: int) -> list[psutil.Process]:
    """Once there are so many: the target and a Locust."""
    deadline = time.monotonic() + 30
    while len(found := psutil.Process(pid).children(recursive=True)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found

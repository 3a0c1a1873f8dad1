"""What Locust must find: the options in its help, the config file, and nothing loaded that breaks TLS."""

import subprocess
import sys
from collections.abc import Callable

from tests.conftest import ROOT
from tests.loadtest.conftest import Run


def test_help_has_a_group_for_the_load_test() -> None:
    command = [sys.executable, "-m", "loadtest"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Portal load test:" in told
    for option in ("--slo", "--arrivals", "--rate", "--report-dir", "--production-host", "--calibration"):
        assert option in told
    assert "{autoscale,breakpoint,ramp,smoke,soak,spike,steady}" in told


def test_the_file_for_staging_is_one_that_locust_reads(locust: Callable[..., Run]) -> None:
    """A host of --host wins over the file's, so nothing outside is asked."""
    config = str(ROOT / "loadtest" / "staging.conf")
    run = locust("--config", config, "--production-host", "127.0.0.1", "--processes", "1", host="http://127.0.0.1:9")
    assert run.ended() == 3, run.output
    assert run.report["profile"] == "steady"
    assert "127.0.0.1 is production" in run.report["verdict"]["sentence"]


def test_what_judges_loads_neither_locust_nor_what_must_not_come_before_it() -> None:
    """urllib3 before Locust ends in a RecursionError on the first TLS connection; the Kubernetes client brings it."""
    code = (
        "import sys, loadtest.verdict, loadtest.report.files, loadtest.autoscaling.assertions;"
        "print({'urllib3', 'requests', 'kubernetes', 'locust'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"

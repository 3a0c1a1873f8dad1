"""What Locust must find: the options in its help, the config file, and nothing loaded that breaks TLS."""

import subprocess
import sys

from tests.conftest import ROOT


def test_help_has_a_group_for_the_load_test() -> None:
    command = [sys.executable, "-m", "loadtest"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Portal load test:" in told
    for option in ("--slo", "--arrivals", "--rate", "--report-dir", "--production-host"):
        assert option in told
    assert "{ramp,smoke,soak,spike,steady}" in told


def test_what_judges_loads_neither_locust_nor_what_must_not_come_before_it() -> None:
    """urllib3 before Locust ends in a RecursionError on the first TLS connection; the Kubernetes client brings it."""
    code = (
        "import sys, loadtest.verdict, loadtest.report.files, loadtest.autoscaling.assertions;"
        "print({'urllib3', 'requests', 'kubernetes', 'locust'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"

"""The journeys: which run, and that each of them passes its own checks against a real Backstage."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.target.embedded import BACKEND, STAND_INS
from tests.conftest import ROOT

ROUTES = {
    "GET /api/health",
    "GET /api/health/ready",
    "GET /api/metrics",
    "GET /api/catalog/entities/by-query",
    "GET /api/catalog/entities/by-query (next page)",
    "GET /api/catalog/entity-facets",
    "GET /api/catalog/entities/by-name/component/default/[name]",
    "GET /api/catalog/entities/by-name/component/default/[name] (guest)",
    "POST /api/catalog/entities/by-refs",
    "GET /api/search/query",
    "GET /api/techdocs/metadata/entity/default/component/[name]",
    "GET /api/plugins",
    "POST /api/plugins/install",
    "POST /api/auth/guest/refresh",
    "POST /api/scaffolder/v2/tasks",
    "GET /api/scaffolder/v2/tasks/[id]/events",
}


@pytest.mark.slow
@pytest.mark.skipif(not (BACKEND / "node_modules").is_dir(), reason="make target installs Backstage")
def test_every_route_is_asked_and_answers_as_it_should(tmp_path: Path) -> None:
    locust = [str(Path(sys.executable).with_name("locust")), "-f", "loadtest/locustfile.py", "--headless"]
    load = ["--profile", "smoke", "--rate", "10", "--run-time", "25s", "--report-dir", str(tmp_path / "report")]
    subprocess.run(
        [sys.executable, "-m", "loadtest.target", "--logs", str(tmp_path / "target"), "--", *locust, *load],
        cwd=ROOT, timeout=180, check=False, capture_output=True,
    )  # fmt: skip
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    failed = {each["endpoint"]: each["failures"] for each in report["endpoints"] if each["failures"]}
    assert failed == {}
    assert {each["endpoint"] for each in report["endpoints"]} >= ROUTES
    assert report["target"]["stand_ins"] == list(STAND_INS)

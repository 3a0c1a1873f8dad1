"""Checkov over the JSON of every stack: nothing fails but what a written reason lets stand.

`pytest -s tests/policy` prints the summary.
"""

import json
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, StackOf
from tests.kubernetes.test_release import ALL_STACKS

SKIPS = Path(__file__).with_name("skips.yaml")


@dataclass(frozen=True)
class Finding:
    stack: str
    check: str
    resource: str
    name: str


def scan(folder: Path, documents: dict[str, dict[str, Any]]) -> list[Finding]:
    """The failed checks. Fails the test if Checkov could not read a file, which it reports with exit code 0."""
    for name, document in documents.items():
        # Its parser cannot read these two, and then checks nothing.
        readable = {key: value for key, value in document.items() if key != "moved"}
        readable["terraform"] = {k: v for k, v in document.get("terraform", {}).items() if k != "required_version"}
        (folder / name).mkdir()
        (folder / name / "cdk.tf.json").write_text(json.dumps(readable, indent=1))
    checkov = ROOT / ".venv" / "bin" / "checkov"
    options = ("--framework", "terraform_json", "--skip-download", "--output", "json", "--compact", "--quiet")
    done = subprocess.run([checkov, "-d", folder, *options], capture_output=True, text=True, check=False, timeout=300)
    report = json.loads(done.stdout)
    summary = report["summary"]
    assert summary["parsing_errors"] == 0, done.stderr
    assert summary["passed"] + summary["failed"] >= 10 * len(documents)
    print(f"\nCheckov {summary['checkov_version']}: {summary['passed']} checks passed, {summary['failed']} failed")
    return [
        Finding(Path(found["file_path"]).parent.name, found["check_id"], found["resource"], found["check_name"])
        for found in report["results"]["failed_checks"]
    ]


@pytest.mark.slow
def test_every_finding_has_a_reason_and_every_reason_a_finding(stack: StackOf, tmp_path: Path) -> None:
    skips = yaml.safe_load(SKIPS.read_text())["skips"]
    assert all(len(skip["reason"]) > 20 for skip in skips)
    clouds = [name for name in ALL_STACKS if name != "local"]
    findings = scan(tmp_path, {name: stack(name).document for name in clouds})
    used: set[int] = set()
    unexplained = []
    for finding in findings:
        matching = {index for index, skip in enumerate(skips) if covers(skip, finding)}
        used |= matching
        if not matching:
            unexplained.append(finding)
    assert unexplained == []
    print(f"{len(findings)} failed checks have one of {len(skips)} written reasons")
    assert [skip for index, skip in enumerate(skips) if index not in used] == []


@pytest.mark.slow
def test_a_planted_open_rule_is_found(stack: StackOf, tmp_path: Path) -> None:
    document = json.loads(stack("dev-aws").text)
    document["resource"]["aws_launch_template"]["cluster_nodes_system-machine"]["metadata_options"] = {
        "http_endpoint": "enabled",
        "http_tokens": "optional",
    }
    assert "CKV_AWS_79" in {finding.check for finding in scan(tmp_path, {"dev-aws": document})}


def covers(skip: dict[str, str], finding: Finding) -> bool:
    return (
        skip["check"] == finding.check
        and fnmatchcase(finding.stack, skip["stacks"])
        and fnmatchcase(finding.resource.removeprefix("resource."), skip["resource"])
    )

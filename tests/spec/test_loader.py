"""Bad data gets one message that lists every problem with file, line, field, value and rule."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from portal.errors import PortalError
from portal.spec.loader import load_environments
from portal.spec.problems import InvalidDataError
from tests.conftest import ROOT

Edit = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(copytree(ROOT / "environments", tmp_path / "environments"))


@pytest.fixture
def edit(folder: Path) -> Edit:
    """`edit("prod", old, new)` replaces text in a copy of that environment file."""

    def replace(name: str, old: str, new: str) -> None:
        file = folder / f"{name}.yaml"
        text = file.read_text()
        assert old in text, f"{name}.yaml has no {old}"
        file.write_text(text.replace(old, new))

    return replace


def problems(folder: Path) -> str:
    with pytest.raises(InvalidDataError) as raised:
        load_environments(folder)
    return str(raised.value)


def test_committed_data_are_valid(folder: Path) -> None:
    assert set(load_environments(folder).tiers) == {"dev", "staging", "prod"}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("prod", "{min: 6, max: 12}", "{min: 14, max: 12}", "portal.frontend.replicas.min = 14   must not be above max (12)"),
        ("prod", "{min: 6, max: 20,", "{min: 21, max: 20,", "nodes.application.min = 21   must not be above max (20)"),
        ("dev", "retention_days: 0", "retention_days: 5", "backup.retention_days = 5   must be 0 with backup.level none"),
        ("prod", "continuous, retention_days: 30", "continuous, retention_days: 29", "must be at least 30 with backup.level continuous"),
        ("staging", "sentinels: 3", "sentinels: 1", "data.portal-cache.sentinels = 1   must equal replicas (3)"),
        ("prod", "memory-optimized: {min: 2", "memory-optimised: {min: 2", "nodes.memory-optimised = memory-optimised   input should be 'system'"),
        ("prod", "  memory-optimized: {min: 2, max: 10, disk_gib: 100, architecture: amd64}\n", "", "nodes   lacks the node group memory-optimized"),
        ("prod", "      memory-optimized: {instance_type: r7i.xlarge}\n", "", "clouds.aws.nodes   lacks the node group memory-optimized"),
        ("prod", "instance_type: r7i.xlarge", "instance_type: r7g.xlarge", "= r7g.xlarge   is arm64, but nodes.memory-optimized.architecture is amd64"),
        ("prod", "vm_size: Standard_E4s_v6", "vm_size: Standard_E4ps_v6", "= Standard_E4ps_v6   is arm64"),
        ("prod", "[eu-west-1a, eu-west-1b", "[us-east-1a, eu-west-1b", "clouds.aws.zones.0 = us-east-1a   is not a zone of the region"),
        ("prod", "[eu-west-1a, eu-west-1b", "[eu-west-1a, eu-west-1a", "clouds.aws.zones.1 = eu-west-1a   is listed twice"),
        ("prod", '["1", "2", "3"]', '["1", "2", "2"]', "clouds.azure.zones.2 = 2   is listed twice"),
        ("prod", "cidr: 10.30.0.0/16", "cidr: 10.100.0.0/16", "clouds.aws.network.service_cidr = 10.100.0.0/16   overlaps clouds.aws.network.cidr"),
        ("prod", "cidr: 10.30.0.0/16", "cidr: 10.30.0.0/24", "clouds.aws.network.cidr = 10.30.0.0/24   must be between /16 and /20"),
        ("prod", "cidr: 10.30.0.0/16", "cidr: 8.8.0.0/16", "must be private (RFC 1918) or shared (RFC 6598) space"),
        ("staging", "cidr: 10.20.0.0/16", "cidr: 10.10.0.0/16", "overlaps clouds.aws.network.cidr of dev (10.10.0.0/16), which shares the routing domain corporate"),
        ("prod", "pod_cidr: 10.244.0.0/16", "pod_cidr: 10.244.0.0/19", "clouds.azure.network.pod_cidr = 10.244.0.0/19   is too small: each of up to 48 nodes"),
        ("prod", "api_allowed_cidrs: [198.51.100.0/24]", "api_allowed_cidrs: [0.0.0.0/0]", "opens the API server of prod to the internet"),
        ("prod", "cidr: 10.30.0.0/16", "cidr: 10.30.0.1/16", "no host bits set"),
        ("prod", "digest: sha256:", "digest: sha512:", "portal.frontend.image.digest = sha512:"),
        ("prod", "repository: registry.example.com/portal/frontend", "repository: registry.example.com/portal/frontend:latest", "portal.frontend.image.repository"),
        ("prod", "placement: cluster", "placement: moon", "data.portal-db.placement = moon"),
        ("prod", "level: enterprise", "level: gold", "monitoring.level = gold   input should be 'basic', 'full' or 'enterprise'"),
        ("prod", "domain:", "domian:", "portal.domian   is not a known field"),
        ("prod", "domain:", "domian:", "portal.domain   is missing"),
        ("prod", "protected: true", "protected: true\ncharts: {prometheus: {reason: a good reason, values: {}}}", "charts.prometheus = prometheus   input should be 'cloudnative-pg'"),
        ("prod", "tier: prod", "tier: dev", "tier = dev   must be prod, the name of the file"),
        ("prod", 'account: "333333333333"', "account: 333333333333", "clouds.aws.account = 333333333333   input should be a valid string"),
        ("prod", "protected: true", "protected: true\nprotected: false", "protected   stands twice; keep one"),
        ("prod", "tier: prod", "tier: [prod", "is not YAML"),
        ("prod", "tier: prod", "- tier: prod", "is not YAML"),
    ],
)  # fmt: skip
def test_each_rule_names_field_value_and_rule(
    folder: Path, edit: Edit, file: str, old: str, new: str, message: str
) -> None:
    edit(file, old, new)
    text = problems(folder)
    assert message in text
    assert f"environments/{file}.yaml is not valid" in text
    assert text.endswith("Nothing was synthesized.")


def test_all_problems_of_all_files_come_at_once(folder: Path, edit: Edit) -> None:
    edit("prod", "level: enterprise", "level: gold")
    edit("prod", "{min: 6, max: 12}", "{min: 14, max: 12}")
    edit("prod", "[eu-west-1a,", "[us-east-1a,")
    edit("dev", "retention_days: 0", "retention_days: 5")
    edit("local", "context:", "kontext:")
    text = problems(folder)
    assert "environments/prod.yaml is not valid (3 problems)" in text
    assert "environments/dev.yaml is not valid (1 problem)" in text
    assert "environments/local.yaml is not valid (2 problems)" in text


def test_a_problem_stands_beside_its_line(folder: Path, edit: Edit) -> None:
    edit("prod", "level: enterprise", "level: gold")
    lines = (folder / "prod.yaml").read_text().splitlines()
    number = next(index for index, line in enumerate(lines, 1) if "level: gold" in line)
    assert f"line {number} " in problems(folder)


def test_networks_that_cannot_reach_each_other_may_share_ranges(folder: Path, edit: Edit) -> None:
    edit("staging", "cidr: 10.20.0.0/16", "cidr: 10.10.0.0/16")
    edit("staging", "routing_domain: corporate", "routing_domain: lab")
    load_environments(folder)


def test_dev_may_open_its_api(folder: Path, edit: Edit) -> None:
    edit("dev", "api_allowed_cidrs: [198.51.100.0/24]", "api_allowed_cidrs: [0.0.0.0/0]")
    load_environments(folder)


def test_a_missing_file_is_one_clear_line(folder: Path) -> None:
    (folder / "staging.yaml").unlink()
    with pytest.raises(PortalError, match=r"environments/staging\.yaml is missing"):
        load_environments(folder)


def test_an_empty_file_is_a_problem_not_a_crash(folder: Path) -> None:
    (folder / "dev.yaml").write_text("")
    assert "environments/dev.yaml is not valid" in problems(folder)

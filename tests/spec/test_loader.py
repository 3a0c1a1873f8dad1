"""Bad data gets one message that lists every problem with file, line, field, value and rule."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from pydantic import ValidationError

from portal.errors import PortalError
from portal.spec.environment import Environment, LocalEnvironment
from portal.spec.loader import load, load_environments
from portal.spec.problems import InvalidDataError, Problem
from portal.spec.rules import broken
from portal.spec.rules.machines import machine_architecture
from portal.spec.shared import Shared
from portal.spec.versions import Versions
from tests.conftest import ROOT

LOAD_TEST = (
    "load_test: {image: {repository: registry.example.com/portal/loadtest, digest: 'sha256:" + 64 * "0" + "'}, "
    "workers: 1, resources: {cpu: '1', memory: 1Gi}, "
)

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
        ("prod", "    # Services of this cloud are not built yet.\n    placement: {backstage-db: cluster, backstage-cache: cluster}\n", "", "clouds.gcp.placement   leaves backstage-db managed, which is not built on this cloud; say `backstage-db: cluster` here"),
        ("dev", "backstage-db: {placement: cluster}", "backstage-db: {placement: elsewhere}", "data.backstage-db.placement = elsewhere   must be 'cluster' or 'managed'"),
        ("local", "backstage-cache: {placement: cluster}", "backstage-cache: {placement: managed}", "data.backstage-cache.placement = managed   must be cluster: a local cluster has no cloud around it"),
        ("prod", "application: {min: 6, max: 20,", "application: {min: 6, max: 200,", "clouds.aws.network.pod_cidr = 100.64.128.0/17   is too small: a zone's quarter of it holds 8187 addresses, and 11880 pods may run there"),
        ("staging", "api_allowed_cidrs: [198.51.100.0/24]\n      deployer_role", "api_allowed_cidrs: []\n      deployer_role", "clouds.aws.cluster.api_allowed_cidrs = []   is empty, so the API server has no public address; people then need clouds.aws.ops_host"),
        ("staging", "[ecr.api, ecr.dkr, sts, logs,", "[ecr.api, sts,", "lacks ecr.dkr, logs, by which load_generators: fargate"),
        ("staging", "mesh: true", "mesh: false", "clouds.aws.load_generators = fargate   needs mesh: true"),
        ("prod", "wakes_at_hour: 7", "wakes_at_hour: 25", "clouds.aws.ops_host.wakes_at_hour = 25   must be at most 23"),
        ("prod", "interface_endpoints:\n        [ecr.api", "interface_endpoints:\n        [ecr", "clouds.aws.network.interface_endpoints.0 = ecr   must be 'ec2messages', 'ecr.api', 'ecr.dkr'"),
        ("prod", "second_region: eu-central-1", "second_region: eu-west-1", "clouds.aws.data.second_region = eu-west-1   must differ from clouds.aws.region"),
        ("staging", "caches: {shards: 2, replicas: 1}", "caches: {shards: 2, replicas: 0}", "managed.caches.replicas = 0   must be at least 1 in staging"),
        ("prod", "price_class: PriceClass_All", "price_class: All", "clouds.aws.edge.price_class = All   must be 'PriceClass_100', 'PriceClass_200' or 'PriceClass_All'"),
        ("prod", "requests_per_address: 20000", "requests_per_address: 5", "clouds.aws.edge.requests_per_address = 5   must be at least 10"),
        ("prod", "mesh: true", "mesh: false", "clouds.aws.edge   must be null where mesh is false"),
        ("prod", "eu-west-1", "eu-north-1", "clouds.aws.region = eu-north-1   has no authority of database certificates in constructs/portal/aws/authorities/; put RDS's bundle of the region there as eu-north-1.pem"),
        ("staging", "sentinels: 3", "sentinels: 1", "data.portal-cache.sentinels = 1   must equal replicas (3)"),
        ("prod", "memory-optimized: {min: 3", "memory-optimized: {min: 2", "nodes.memory-optimized.min = 2   must be at least 3, a node for each instance of portal-db and portal-cache"),
        ("prod", "memory-optimized: {min: 3", "memory-optimised: {min: 3", "nodes.memory-optimised   must be 'system', 'application' or 'memory-optimized'; did you mean memory-optimized?"),
        ("prod", "  memory-optimized: {min: 3, max: 10, disk_gib: 100, architecture: amd64}\n", "", "nodes   lacks the node group memory-optimized"),
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
        ("dev", "portal_allowed_cidrs: [10.0.0.0/8]", "portal_allowed_cidrs: [0.0.0.0/0]", "clouds.aws.portal_allowed_cidrs.0 = 0.0.0.0/0   must be a private network"),
        ("prod", "    alarm_emails: [platform@example.com]", "    portal_allowed_cidrs: [10.0.0.0/8]", "clouds.aws.portal_allowed_cidrs.0 = 10.0.0.0/8   has no effect beside clouds.aws.edge"),
        ("prod", "administrators: []", "administrators: ['arn:aws:iam::333333333333:role/Admin']", "clouds.aws.cluster.administrators.0"),
        ("prod", "cidr: 10.30.0.0/16", "cidr: 10.30.0.1/16", "no host bits set"),
        ("prod", "digest: sha256:", "digest: sha512:", "portal.frontend.image.digest = sha512:"),
        ("prod", "repository: registry.example.com/portal/frontend", "repository: registry.example.com/portal/frontend:latest", "portal.frontend.image.repository"),
        ("prod", "placement: cluster", "placement: moon", "data.portal-db.placement = moon"),
        ("prod", "domain: portal.example.com", "domain: portal.example.org", "portal.domain = portal.example.org   must end in .example.com, the public zone"),
        ("shared", "repository: example-org/portal-platform", "repository: https://github.com/a/b", "repository = https://github.com/a/b"),
        ("shared", "audit_retention_days: 400", "audit_retention_days: 7", "clouds.aws.audit_retention_days = 7"),
        ("shared", "  plan: plan\n", "", "github_environments.plan   is missing"),
        ("prod", 'sign_in: {provider: oidc, issuer: "https://login.example.com/realms/company", client_id: portal-prod, secret: sign-in}', "sign_in: {provider: guest}", "portal.sign_in.provider = guest   lets everybody in without a name"),
        (
            "prod",
            "  receiver: {type: webhook, secret: alerts}\n",
            "",
            "monitoring.receiver = null   must say who is told of alerts (type, secret): monitoring.level enterprise has them",
        ),
        (
            "dev",
            "  level: basic",
            "  level: basic\n  receiver: {type: slack, secret: alerts}",
            "monitoring.receiver = slack   must be left out: monitoring.level basic sends no alerts",
        ),
        (
            "local",
            "  level: basic",
            "  level: full\n  receiver: {type: slack, secret: alerts}",
            "monitoring.receiver = slack   must be left out: there is no store of secrets",
        ),
        ("prod", "secret: sign-in}", "secret: other}", "portal.sign_in.secret = other   must be one of portal.secrets"),
        ("prod", "provider: oidc", "provider: saml", "portal.sign_in.provider = saml   must be 'guest' or 'oidc'"),
        ("prod", "level: enterprise", "level: gold", "monitoring.level = gold   must be 'basic', 'full' or 'enterprise'"),
        ("prod", "domain:", "domian:", "portal.domian   is not a known field; did you mean domain?"),
        ("prod", "domain:", "domian:", "portal.domain   is missing"),
        ("prod", "protected: true", "protected: true\ncharts: {prometheus: {reason: a good reason, values: {}}}", "charts.prometheus   is none of the 29 known names; did you mean kube-prometheus-stack?"),
        ("prod", "tier: prod", "tier: dev", "tier = dev   must be prod, the name of the file"),
        ("prod", 'account: "333333333333"', "account: 333333333333", "clouds.aws.account = 333333333333   must be text: put it in quotes"),
        ("prod", "protected: true", "protected: true\nprotected: false", "protected   stands twice; keep one"),
        ("prod", "{min: 6, max: 6}", "{min: 7, max: 6}", "portal.backend.replicas.min = 7   must not be above max (6)"),
        ("prod", "archive_days: 395", "archive_days: 89", "monitoring.archive_days = 89   must be at least 90 with monitoring.level enterprise"),
        ("staging", "  runbooks:", "  archive_days: 90\n  runbooks:", "monitoring.archive_days = 90   must be 0 with monitoring.level full: there is no object store"),
        ("local", "  runbooks:", "  archive_days: 90\n  runbooks:", "monitoring.archive_days = 90   must be 0 on a local cluster"),
        ("local", "  domain:", "  secrets: [sign-in]\n  domain:", "portal.secrets = sign-in   needs a cloud's store of secrets"),
        ("staging", "daily, retention_days: 14", "daily, retention_days: 6", "backup.retention_days = 6   must be at least 7 with backup.level daily"),
        ("local", "sentinels: 1", "sentinels: 3", "data.portal-cache.sentinels = 3   must equal replicas (1)"),
        ("local", "tier: dev", "tier: prod", "tier = prod   must be 'dev'"),
        ("prod", "cidr: 10.31.0.0/20", "cidr: 10.136.0.0/20", "clouds.gcp.network.pod_cidr = 10.136.0.0/14   overlaps clouds.gcp.network.cidr"),
        ("prod", "cidr: 10.33.0.0/16", "cidr: 10.244.0.0/16", "clouds.azure.network.pod_cidr = 10.244.0.0/16   overlaps clouds.azure.network.cidr"),
        ("staging", "cidr: 10.21.0.0/20", "cidr: 10.11.0.0/20", "overlaps clouds.gcp.network.cidr of dev (10.11.0.0/20)"),
        ("staging", "cidr: 10.23.0.0/16", "cidr: 10.13.0.0/16", "overlaps clouds.azure.network.cidr of dev (10.13.0.0/16)"),
        ("staging", "pod_cidr: 100.64.64.0/18", "pod_cidr: 100.64.0.0/18", "overlaps clouds.aws.network.pod_cidr of dev (100.64.0.0/18)"),
        ("staging", "cidr: 10.21.0.0/20", "cidr: 10.128.0.0/20", "clouds.gcp.network.cidr = 10.128.0.0/20   overlaps clouds.gcp.network.pod_cidr of dev"),
        ("prod", "pod_cidr: 100.64.128.0/17", "pod_cidr: 100.64.128.0/20", "clouds.aws.network.pod_cidr = 100.64.128.0/20   must be between /10 and /19"),
        ("prod", "service_cidr: 10.32.0.0/20", "service_cidr: 10.32.0.0/21", "clouds.gcp.network.service_cidr = 10.32.0.0/21   must be between /12 and /20"),
        ("prod", "api_allowed_cidrs: [198.51.100.0/24]", "api_allowed_cidrs: [0.0.0.0/0]", "clouds.azure.cluster.api_allowed_cidrs.0 = 0.0.0.0/0   opens the API server"),
        ("prod", "api_allowed_cidrs: [198.51.100.0/24]", "api_allowed_cidrs: [0.0.0.0/0]", "clouds.aws.cluster.api_allowed_cidrs.0 = 0.0.0.0/0   opens the API server"),
        ("prod", "cidr: 10.30.0.0/16", "cidr: 10.30.0.0", "clouds.aws.network.cidr = 10.30.0.0   must be an IPv4 network with no host bits set"),
        ("prod", "cidr: 10.30.0.0/16", 'cidr: "fd00::/48"', "clouds.aws.network.cidr = fd00::/48   must be an IPv4 network; the platform has no IPv6 ranges"),
        ("prod", 'account: "333333333333"', 'account: "33333333333"', "clouds.aws.account = 33333333333   must look like 123456789012"),
        ("prod", "domain: portal.example.com", "domain: https://portal.example.com", "portal.domain = https://portal.example.com   must look like portal.example.com"),
        ("prod", "[eu-west-1a, eu-west-1b, eu-west-1c]", "[eu-west-1a, eu-west-1b]", "clouds.aws.zones"),
        ("prod", '["1", "2", "3"]', '["1", "2"]', "clouds.azure.zones"),
        ("prod", "storage_gib: 500", 'storage_gib: "500"', "data.portal-db.storage_gib = 500   must be a whole number, without unit or quotes"),
        ("prod", "protected: true", 'protected: "true"', "protected = true   must be true or false, without quotes"),
        ("prod", "tier: prod", "tier: [prod", "is not YAML"),
        ("prod", "tier: prod", "tier: prod\n" + LOAD_TEST + "calibration: {}}", "load_test.calibration   must have one of rate_rps (measured as the test begins) and config_map (of an earlier run), and not both"),
        ("prod", "tier: prod", "tier: prod\n" + LOAD_TEST + "calibration: {rate_rps: 5, config_map: a-report}}", "load_test.calibration   must have one of rate_rps"),
        ("prod", "tier: prod", "tier: prod\n" + LOAD_TEST + "calibration: {rate_rps: 5, climb: [8, 13]}}", "load_test.calibration.climb.1 = 13   must be above portal.frontend.replicas.min (6) and not above its max (12)"),
        ("prod", "tier: prod", "tier: prod\n" + LOAD_TEST + "calibration: {rate_rps: 5, climb: [6]}}", "load_test.calibration.climb.0 = 6   must be above portal.frontend.replicas.min (6)"),
        ("prod", "tier: prod", "tier: prod\n" + LOAD_TEST + "calibration: {rate_rps: 5}, steps: [{replicas: 7, rate_rps: 9, hold_seconds: 60}]}", "load_test.calibration   stands beside load_test.steps, which it would work out; keep one of the two"),
        ("dev", "tier: dev", "tier: dev\n" + LOAD_TEST + "calibration: {rate_rps: 5}}", "load_test.calibration   must be left out: portal.frontend.replicas has the same min and max, so there is no autoscaler to watch"),
        ("local", "tier: dev", "tier: dev\n" + LOAD_TEST + "steps: [{replicas: 7, rate_rps: 9, hold_seconds: 60}]}", "load_test.steps   must be left out"),
        ("prod", "tier: prod", "- tier: prod", "is not YAML"),
        ("prod", "provider: oidc, ", "", "portal.sign_in.provider   is missing"),
        ("prod", "issuer:", "isuer:", "portal.sign_in.issuer   is missing"),
        ("prod", "domain:", "address:", "portal.address   is not a known field; known here: domain, secrets, sign_in"),
        ("prod", "memory: 4Gi}", "memory: 4G}", "portal.frontend.resources.memory = 4G   must look like 4Gi"),
        ("prod", "second_region: eu-central-1", "second_region: eu", "second_region = eu   must look like eu-central-1"),
        ("prod", "domain: portal.example.com", "domain: [portal]", 'portal.domain = ["portal"]   must be text'),
        ("prod", "domain: portal.example.com", "domain:", "portal.domain   is empty; must be text"),
        ("prod", '["1", "2", "3"]', "[1, 2, 3]", "clouds.azure.zones.0 = 1   must be '1', '2' or '3': put it in quotes"),
        ("prod", "log_retention_days: 365", 'log_retention_days: "365"', "400 or 731: leave the quotes out"),
        ("prod", "[eu-west-1a, eu-west-1b, eu-west-1c]", "[eu-west-1a]", "must have at least 3 entries, not 1"),
        ("prod", "time_zone: Europe/Dublin", "time_zone: Europe/Dubln", "time_zone = Europe/Dubln   is no time zone; did you mean Europe/Dublin?"),
        ("prod", "sleeps_at_hour: 19", "sleeps_at_hour: 7", "sleeps_at_hour = 7   must differ from wakes_at_hour (7)"),
        ("prod", "api_allowed_cidrs: [198.51.100.0/24]", "api_allowed_cidrs: [0.0.0.0/1, 128.0.0.0/1]", "clouds.azure.cluster.api_allowed_cidrs.1 = 128.0.0.0/1   opens the API server"),
        ("shared", "dev: development, ", "", "github_environments.deploy   lacks dev; say from which GitHub environment"),
        ("prod", "protected: true", "protected: true\n? [a, b]\n: c", "(the file)   has a list or fields where a name belongs"),
        ("prod", "protected: true", "protected: {{ .Values.x }}", "protected   has a list or fields where a name belongs; quote text that begins with [ or {"),
        ("prod", "protected: true", "protected: &it [*it]", "protected.0   stands for what it is itself a part of"),
        ("prod", "protected: true", "protected: &it {a: {b: *it}}", "protected.a.b   stands for what it is itself a part of"),
        ("prod", "protected: true", "protected: 2026-13-45", "protected = 2026-13-45   is not what it looks like (timestamp); put text in quotes"),
        ("prod", "protected: true", "protected: !yes true", "protected = true   is not what it looks like (!yes)"),
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


def test_problems_come_in_the_order_of_the_lines(folder: Path, edit: Edit) -> None:
    edit("prod", "{min: 6, max: 12}", "{min: 14, max: 12}")
    edit("prod", "release_channel: STABLE", "release_channel: SLOW")
    edit("prod", "level: enterprise", "level: gold")
    lines = [int(number) for number in re.findall(r"^  line (\d+)", problems(folder), re.MULTILINE)]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_a_long_value_is_shortened(folder: Path, edit: Edit) -> None:
    edit("prod", "domain: portal.example.com", f"domain: {'x' * 200}")
    assert f"portal.domain = {'x' * 57}...   " in problems(folder)


def test_upgrades_count_in_the_room_for_pods(folder: Path, edit: Edit) -> None:
    """Without the nodes of an upgrade, 64 ranges are enough for 50 nodes."""
    edit("prod", "{min: 6, max: 20,", "{min: 6, max: 34,")
    edit("prod", "pod_cidr: 10.244.0.0/16", "pod_cidr: 10.244.0.0/18")
    assert "is too small: each of up to 67 nodes" in problems(folder)


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [
        ("m7i.large", "amd64"),
        ("m7g.large", "arm64"),
        ("c7gn.xlarge", "arm64"),
        ("a1.large", "arm64"),
        ("g5.xlarge", "amd64"),
        ("Standard_D4s_v6", "amd64"),
        ("Standard_D4ps_v6", "arm64"),
        ("Standard_NP10s", "amd64"),
    ],
)
def test_a_machines_name_tells_its_architecture(machine: str, architecture: str) -> None:
    assert machine_architecture(machine) == architecture


def test_a_mistake_in_a_rule_is_not_taken_for_missing_data(folder: Path) -> None:
    def mistaken(environment: Any) -> Iterator[Problem]:
        yield environment.no_such_field

    dev = load_environments(folder).tiers["dev"]
    assert list(broken([mistaken], dev, partial=True)) == []
    with pytest.raises(AttributeError):
        list(broken([mistaken], dev, partial=False))


def test_what_was_read_cannot_be_changed(folder: Path) -> None:
    dev = load_environments(folder).tiers["dev"]
    with pytest.raises(ValidationError, match="frozen"):
        dev.protected = True  # type: ignore[misc]


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


def test_a_file_that_is_no_text_is_one_clear_line(folder: Path) -> None:
    (folder / "staging.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PortalError, match=r"environments/staging\.yaml cannot be read") as raised:
        load_environments(folder)
    assert "\n" not in str(raised.value)


def test_an_empty_file_is_a_problem_not_a_crash(folder: Path) -> None:
    (folder / "dev.yaml").write_text("")
    assert "line 1    (the file)   is empty; must be fields (name: value)" in problems(folder)


def test_one_wrong_key_is_one_problem(folder: Path, edit: Edit) -> None:
    """Neither once for each kind of store, nor again for what its default would break."""
    edit("prod", "{backstage-db: cluster,", "{backstagedb: cluster,")
    lines = [line for line in problems(folder).splitlines() if line.startswith("  line")]
    assert [line.split()[2] for line in lines] == [f"clouds.{name}.placement.backstagedb" for name in ("gcp", "azure")]
    assert all(line.endswith("; did you mean backstage-db?") for line in lines)


def test_an_anchor_may_be_used_where_it_is_not_open(folder: Path, edit: Edit) -> None:
    edit("prod", "requests: {cpu: 200m", "requests: &small {cpu: 200m")
    edit("prod", 'limits: {cpu: "1", memory: 4Gi}', "limits: *small")
    load_environments(folder)


def test_time_zones_are_not_checked_where_the_system_knows_none(
    folder: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.spec.types.available_timezones", set)
    edit("prod", "time_zone: Europe/Dublin", "time_zone: Europe/Dubln")
    load_environments(folder)


def test_an_ops_host_may_be_awake_at_night(folder: Path, edit: Edit) -> None:
    edit("prod", "wakes_at_hour: 7, sleeps_at_hour: 19", "wakes_at_hour: 19, sleeps_at_hour: 7")
    load_environments(folder)


def test_files_of_the_checkout_are_named_from_its_top() -> None:
    with pytest.raises(PortalError, match=r"^constructs/portal/nowhere\.yaml is missing"):
        load(ROOT / "constructs" / "portal" / "nowhere.yaml", Shared)


def test_every_pattern_has_an_example_that_matches_it() -> None:
    """A refused text is shown the example, not the pattern."""
    for model in (Environment, LocalEnvironment, Shared, Versions):
        for node in patterns(model.model_json_schema()):
            assert re.fullmatch(node["pattern"], node["examples"][0]), node


def patterns(node: Any) -> Iterator[dict[str, Any]]:
    """Every part of a JSON Schema that has a pattern."""
    if isinstance(node, dict) and "pattern" in node:
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from patterns(child)

"""The table of the guide's rows: true of the stacks, and unable to pass over a hole."""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from portal.commands import coverage as command
from portal.coverage import Contents, Covered, Evidence, Guide, Row, State, cover, load_guide
from portal.errors import PortalError
from portal.spec.loader import load
from portal.spec.problems import InvalidDataError
from tests.charts.rendering import tool
from tests.conftest import StackOf
from tests.kubernetes.test_release import ALL_STACKS

NAMES = ("dev-aws", "prod-aws", "local")


def contents(
    name: str, resources: Mapping[str, Mapping[str, Any]], releases: Mapping[str, Any] | None = None
) -> Contents:
    """A made-up stack. `resources`: by type and name; `releases`: values by name of the release."""
    helm = {
        f"platform_{release}": {"name": release, "chart": release, "values": [json.dumps(values)]}
        for release, values in (releases or {}).items()
    }
    blocks = {
        type: {each: {**body, "//": {"metadata": {"path": f"{name}/{each}"}}} for each, body in by_name.items()}
        for type, by_name in {**resources, "helm_release": helm}.items()
    }
    return Contents(name, {"resource": blocks}, Path())


def row(*evidence: Evidence, stacks: tuple[str, ...] = ("*",), not_yet: str | None = None) -> Row:
    return Row(guide="Guide", row="row", evidence=evidence, stacks=stacks, not_yet=not_yet)


def covered(row: Row, *stacks: Contents) -> Covered:
    (only,) = cover([row], stacks)
    return only


def bucket_in(*with_bucket: str) -> list[Contents]:
    return [contents(name, {"aws_bucket": {"store": {}} if name in with_bucket else {}}) for name in NAMES]


BUCKET = Evidence(resource="aws_bucket.*")


def test_the_guides_rows_are_in_the_stacks_that_should_have_them(stack: StackOf) -> None:
    tool("helm")
    stacks = [Contents(name, stack(name).document, stack(name).file.parent) for name in ALL_STACKS]
    for part, rows in load_guide().parts.items():
        failing = {each.row.row: (each.state, each.missing) for each in cover(rows, stacks) if each.fails}
        assert failing == {}, part


def test_every_row_stands_once() -> None:
    for rows in load_guide().parts.values():
        names = [(each.guide, each.row) for each in rows]
        assert len(names) == len(set(names))


def test_a_row_is_covered_where_every_stack_has_it() -> None:
    found = covered(row(BUCKET), *bucket_in(*NAMES))
    assert (found.state, found.fails) == (State.COVERED, False)
    assert found.found == dict.fromkeys(NAMES, ("aws_bucket.store",))


def test_one_empty_cell_fails_and_names_its_stack_and_what_it_lacks() -> None:
    found = covered(row(BUCKET), *bucket_in("dev-aws", "local"))
    assert (found.state, found.fails) == (State.MISSING, True)
    assert found.missing == {"prod-aws": ("aws_bucket.*",)}


def test_all_evidence_is_needed() -> None:
    found = covered(row(BUCKET, Evidence(resource="aws_key.*")), *bucket_in(*NAMES))
    assert set(found.missing.values()) == {("aws_key.*",)}


def test_only_the_stacks_that_the_row_names_are_asked() -> None:
    assert not covered(row(BUCKET, stacks=("dev-*", "prod-*")), *bucket_in("dev-aws", "prod-aws")).fails


def test_a_row_about_no_stack_fails() -> None:
    assert covered(row(BUCKET, stacks=("test-*",)), *bucket_in(*NAMES)).missing == {
        "test-*": ("any stack of this name",)
    }


def test_not_yet_excuses_an_empty_row_and_nothing_else() -> None:
    excused = row(BUCKET, not_yet="there is no store")
    assert covered(excused, *bucket_in("dev-aws")).state is State.NOT_YET
    assert not covered(excused, *bucket_in("dev-aws")).fails
    assert covered(excused, *bucket_in(*NAMES)).state is State.BUILT
    assert covered(excused, *bucket_in(*NAMES)).fails


@pytest.mark.parametrize(
    ("value", "found"),
    [(None, True), ("alertmanager.enabled", True), ("grafana.enabled", False), ("unknown.enabled", False)],
)
def test_a_release_counts_with_the_value_that_switches_the_part_on(value: str | None, found: bool) -> None:
    values = {"alertmanager": {"enabled": True}, "grafana": {"enabled": False}}
    stack = contents("local", {}, {"kube-prometheus-stack": values})
    assert bool(list(stack.matching(Evidence(release="kube-prometheus-stack", value=value)))) is found


def test_objects_are_those_that_helm_renders(stack: StackOf) -> None:
    tool("helm")
    local = Contents("local", stack("local").document, stack("local").file.parent)
    assert list(local.matching(Evidence(object="Deployment/*"))) == [
        "Deployment/backstage-backend",
        "Deployment/portal-frontend",
    ]
    assert list(local.matching(Evidence(object="Deployment/portal"))) == []


@pytest.mark.parametrize(
    ("evidence", "complaint"),
    [
        ("{}", "must name one of resource, release and object"),
        ("{resource: a.b, object: Kind/name}", "must name one of resource, release and object"),
        ("{object: Kind/name, value: a.b}", "has a value, so it must name its release"),
        ("{resource: a.b, kind: x}", "is not a known field"),
    ],
)
def test_evidence_that_names_not_one_thing_is_refused_with_its_line(
    tmp_path: Path, evidence: str, complaint: str
) -> None:
    file = tmp_path / "coverage.yaml"
    file.write_text(
        f"parts:\n  kubernetes:\n    - guide: Guide\n      row: row\n      evidence:\n        - {evidence}\n"
    )
    with pytest.raises(InvalidDataError, match=f"line 6 .*{complaint}"):
        load(file, Guide)


def run(monkeypatch: pytest.MonkeyPatch, rows: tuple[Row, ...], *, json: bool = False) -> int:
    stacks = {each.name: each for each in bucket_in("dev-aws", "prod-aws")}
    monkeypatch.setattr(command, "load_guide", lambda: Guide(parts={"kubernetes": rows}))
    monkeypatch.setattr(command, "stack_names", lambda: list(stacks))
    monkeypatch.setattr(Contents, "read", stacks.get)
    return command.run(Namespace(part="kubernetes", json=json))


def test_the_command_shows_the_table_and_succeeds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (row(BUCKET, stacks=("dev-*", "prod-*")), row(Evidence(object="Job/x"), stacks=("dev-*",), not_yet="later"))
    monkeypatch.setattr("portal.coverage.own_releases", lambda *_: [])
    assert run(monkeypatch, rows) == 0
    out = capsys.readouterr().out
    assert "aws_bucket.store" in out
    assert "dev, prod" in out
    assert "not yet: later" in out
    assert "2 rows, 1 covered, 1 not yet, 0 failing" in out


def test_the_command_fails_with_one_line_for_each_empty_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, (row(BUCKET), row(BUCKET, stacks=("dev-*",), not_yet="later"))) == 1
    assert capsys.readouterr().err.splitlines() == [
        "Guide, row: local lacks aws_bucket.*",
        "Guide, row: is built in every stack; remove `not_yet` from its row in constructs/portal/coverage.yaml",
    ]


def test_the_command_speaks_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, (row(BUCKET, stacks=("dev-*",)),), json=True) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["state"], only["found"]) == ("covered", {"dev-aws": ["aws_bucket.store"]})


def test_an_unknown_part_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PortalError, match=r"has no part moon here\. The parts are: kubernetes"):
        command.run(Namespace(part="moon", json=False))


@pytest.mark.parametrize(
    ("stacks", "text"),
    [
        (["dev-aws", "dev-gcp", "prod-aws", "prod-gcp", "local"], "all 5"),
        (["prod-aws", "prod-gcp", "dev-aws", "dev-gcp"], "dev, prod"),
        (["prod-aws", "local"], "prod-aws, local"),
        ([], ""),
    ],
)
def test_stack_names_are_shortened_to_tiers(stacks: list[str], text: str) -> None:
    names = ["dev-aws", "dev-gcp", "local", "prod-aws", "prod-gcp"]
    assert command.summary(stacks, names) == text

"""Names hold each cloud's limits by construction, at the edges too."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.naming import Kind, Naming

FORMS = {
    # Bounds and alphabets of the services' own naming pages. By name: kinds of equal limits are one member of the enum.
    "AWS_NAME": r"[a-z][a-z0-9-]{0,62}[a-z0-9]",
    "AWS_LOAD_BALANCER": r"[a-z][a-z0-9-]{0,30}[a-z0-9]",
    "AWS_CACHE": r"[a-z][a-z0-9-]{0,38}[a-z0-9]",
    "AWS_BUCKET": r"[a-z][a-z0-9-]{1,61}[a-z0-9]",
    "GCP_NAME": r"[a-z][a-z0-9-]{0,38}[a-z0-9]",
    "GCP_ACCOUNT": r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    "GCP_BUCKET": r"[a-z][a-z0-9-]{1,61}[a-z0-9]",
    "AZURE_NAME": r"[a-z][a-z0-9-]{0,61}[a-z0-9]",
    "AZURE_STORAGE": r"[a-z0-9]{3,24}",
    "AZURE_VAULT": r"[a-z][a-z0-9-]{1,22}[a-z0-9]",
}


def test_every_kind_has_a_form() -> None:
    assert set(FORMS) == set(Kind.__members__)


PART = st.one_of(st.text(max_size=80), st.text("abcxyz019-_ ", max_size=80))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(kind=st.sampled_from(sorted(FORMS)), parts=st.lists(PART, max_size=4), owner=st.text(max_size=20))
def test_any_name_is_one_that_its_service_takes(kind: str, parts: list[str], owner: str) -> None:
    name = Naming(scope="staging", owner=owner).name(Kind[kind], *parts)
    assert re.fullmatch(FORMS[kind], name), name


@pytest.mark.parametrize("form", FORMS)
def test_a_name_at_the_limit_is_kept_and_one_beyond_it_gets_a_hash(form: str) -> None:
    kind = Kind[form]
    naming = Naming(scope="dev", owner="me")
    fixed = len(naming.name(kind))
    room = kind.value.longest - fixed - len(kind.value.separator)
    exact = naming.name(kind, "x" * room)
    assert len(exact) == kind.value.longest
    assert "x" * room in exact
    assert re.fullmatch(FORMS[form], exact)
    longer = naming.name(kind, "x" * (room + 1))
    assert len(longer) <= kind.value.longest
    assert "x" * (room + 1) not in longer


@pytest.mark.parametrize("kind", Kind)
def test_long_names_that_differ_at_their_end_stay_different(kind: Kind) -> None:
    naming = Naming(scope="prod", owner="me")
    assert naming.name(kind, "a" * 90 + "1") != naming.name(kind, "a" * 90 + "2")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.value.unique_worldwide])
def test_two_owners_never_share_a_worldwide_name(kind: Kind) -> None:
    names = {Naming(scope="prod", owner=owner).name(kind, "backups") for owner in ("111111111111", "222222222222")}
    assert len(names) == 2


def test_a_name_reads_like_its_parts() -> None:
    assert Naming(scope="prod", owner="me").name(Kind.AWS_NAME, "control plane") == "portal-prod-control-plane"

"""Names hold each cloud's limits by construction, at the edges too."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.naming import Kind, Naming

FORMS = {
    # Bounds and alphabets of the services' own naming pages.
    Kind.AWS_NAME: r"[a-z][a-z0-9-]{0,62}[a-z0-9]",
    Kind.AWS_BUCKET: r"[a-z][a-z0-9-]{1,61}[a-z0-9]",
    Kind.GCP_NAME: r"[a-z][a-z0-9-]{0,38}[a-z0-9]",
    Kind.GCP_ACCOUNT: r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    Kind.GCP_BUCKET: r"[a-z][a-z0-9-]{1,61}[a-z0-9]",
    Kind.AZURE_NAME: r"[a-z][a-z0-9-]{0,61}[a-z0-9]",
    Kind.AZURE_STORAGE: r"[a-z0-9]{3,24}",
    Kind.AZURE_VAULT: r"[a-z][a-z0-9-]{1,22}[a-z0-9]",
}


def test_every_kind_has_a_form() -> None:
    assert set(FORMS) == set(Kind)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(kind=st.sampled_from(Kind), parts=st.lists(st.text(max_size=80), max_size=4), owner=st.text(max_size=20))
def test_any_name_is_one_that_its_service_takes(kind: Kind, parts: list[str], owner: str) -> None:
    name = Naming(scope="staging", owner=owner).name(kind, *parts)
    assert re.fullmatch(FORMS[kind], name), name


@pytest.mark.parametrize("kind", Kind)
def test_a_name_at_the_limit_is_kept_and_one_beyond_it_gets_a_hash(kind: Kind) -> None:
    naming = Naming(scope="dev", owner="me")
    fixed = len(naming.name(kind))
    room = kind.value.longest - fixed - len(kind.value.separator)
    exact = naming.name(kind, "x" * room)
    assert len(exact) == kind.value.longest
    assert "x" * room in exact
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

"""The generated catalog: one that Backstage can take whole, and the same each time."""

import re

import pytest

from loadtest.target import catalog


def test_the_same_seed_gives_the_same_catalog() -> None:
    assert catalog.entities(300, seed=7) == catalog.entities(300, seed=7)
    assert catalog.entities(300, seed=7) != catalog.entities(300, seed=8)


@pytest.mark.parametrize("count", [100, 1000, 2500])
def test_it_has_as_many_entities_as_asked_each_with_a_name_of_its_own(count: int) -> None:
    made = catalog.entities(count)
    assert len(made) == count
    assert len({(each["kind"], each["metadata"]["name"]) for each in made}) == count
    assert all(re.fullmatch(r"[a-z0-9-]{1,63}", each["metadata"]["name"]) for each in made)


def test_everything_that_is_referred_to_exists() -> None:
    made = catalog.entities(1000)
    names = {each["metadata"]["name"] for each in made}
    for each in made:
        spec = each["spec"]
        referred = {spec.get(key) for key in ("owner", "system", "domain")} - {None}
        assert referred | set(spec.get("memberOf", [])) | set(spec.get("consumesApis", [])) <= names, each


def test_a_catalog_too_small_for_the_journeys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 100"):
        catalog.entities(99)

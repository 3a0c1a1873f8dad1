"""Whatever is done to the committed files, the loader answers with valid data or with its own error."""

import re
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from portal.errors import PortalError
from portal.spec.loader import load_environments
from tests.conftest import ROOT

FILES = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((ROOT / "environments").glob("*.yaml"))}

ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**9),
    st.floats(allow_nan=True),
    st.sampled_from(["", "0.0.0.0/0", "10.0.0.0/8", "eu-west-1a", "m7g.large", "none", "sha256:0", "ä", "1", " "]),
    st.text(max_size=12),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in paths(child, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The committed files with one to three values replaced, removed, renamed or added."""
    documents: dict[str, Any] = deepcopy(FILES)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(documents)))
        path = draw(st.sampled_from([p for p in paths(documents[name]) if p] or [()]))
        if not path:
            documents[name] = draw(ODD_VALUES)
            continue
        parent = documents[name]
        for key in path[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(["replace", "remove", "rename", "swap"]))
        if action == "replace":
            parent[path[-1]] = draw(ODD_VALUES)
        elif action == "remove":
            del parent[path[-1]]
        elif action == "rename" and isinstance(parent, dict):
            parent[f"{path[-1]}x"] = parent.pop(path[-1])
        else:
            other = draw(st.sampled_from(sorted(FILES)))
            donor: Any = FILES[other]
            for key in draw(st.sampled_from(paths(donor))):
                donor = donor[key]
            parent[path[-1]] = deepcopy(donor)
    return documents


@seed(20261124)
@settings(max_examples=600, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents=mutated())
def test_a_mutated_file_is_valid_or_refused_in_our_words(documents: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "environments"
        folder.mkdir()
        for stem, document in documents.items():
            (folder / f"{stem}.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True))
        try:
            load_environments(folder)
        except PortalError as error:
            refusal: str | None = str(error)
        else:
            refusal = None
        assert refusal is None or "environments/" in refusal
        assert refusal is None or not re.search(r"[Ii]nput|literal\[|dictionary|\bNone\b", refusal)

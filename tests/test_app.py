"""The app: which stacks it makes, and that recorded moves are applied."""

from pathlib import Path

import pytest

from portal import app
from portal.errors import PortalError
from portal.moves import Move
from tests.conftest import ROOT

ENVIRONMENTS = ROOT / "environments"


def test_only_the_named_stacks_are_written(tmp_path: Path) -> None:
    app.synthesize(ENVIRONMENTS, only=["local"], outdir=str(tmp_path))
    assert [file.parent.name for file in tmp_path.glob("stacks/*/cdk.tf.json")] == ["local"]


def test_the_recorded_moves_are_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "CLOUDS", {})
    move = Move.model_validate({"stacks": "local", "from": "platform/postgres", "to": "platform/database"})
    monkeypatch.setattr(app, "load_moves", lambda: [move])
    app.synthesize(ENVIRONMENTS, outdir=str(tmp_path))
    text = (tmp_path / "stacks" / "local" / "cdk.tf.json").read_text()
    assert '"helm_release.platform_postgres"' in text
    misspelled = Move.model_validate({"stacks": "local", "from": "a", "to": "platform/datebase"})
    monkeypatch.setattr(app, "load_moves", lambda: [misspelled])
    with pytest.raises(PortalError, match="platform/datebase"):
        app.synthesize(ENVIRONMENTS, outdir=str(tmp_path))

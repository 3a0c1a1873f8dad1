"""Renaming a construct moves what is under it, when `moves.yaml` says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, TerraformResource
from constructs import Construct

from portal.errors import PortalError
from portal.moves import Move, load_moves, record_moves
from portal.stacks.base import PortalStack, address_collisions


class Store(Construct):
    """Two resources of a type that needs no provider."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        TerraformResource(self, "Default", terraform_resource_type="terraform_data")
        TerraformResource(self, "copy", terraform_resource_type="terraform_data")


def moved(tmp_path: Path, construct_id: str, moves: list[Move]) -> list[dict[str, str]]:
    app = App(outdir=str(tmp_path))
    stack = PortalStack(app, "prod-aws")
    Store(Construct(stack, "storage"), construct_id)
    record_moves([stack], moves)
    app.synth()
    document: dict[str, Any] = json.loads((tmp_path / "stacks" / "prod-aws" / "cdk.tf.json").read_text())
    blocks: list[dict[str, str]] = document.get("moved", [])
    return blocks


def move(origin: str, to: str, stacks: str = "*-aws") -> Move:
    return Move.model_validate({"stacks": stacks, "from": origin, "to": to})


def test_a_renamed_construct_moves_its_whole_subtree(tmp_path: Path) -> None:
    assert moved(tmp_path, "archive", [move("storage/backups", "storage/archive")]) == [
        {"from": "terraform_data.storage_backups", "to": "terraform_data.storage_archive"},
        {"from": "terraform_data.storage_backups_copy", "to": "terraform_data.storage_archive_copy"},
    ]


def test_renames_are_followed_back_to_the_oldest_address(tmp_path: Path) -> None:
    moves = [move("old/backups", "storage/backups"), move("storage/backups", "storage/archive")]
    assert {(block["from"], block["to"]) for block in moved(tmp_path, "archive", moves)} == {
        ("terraform_data.old_backups", "terraform_data.storage_backups"),
        ("terraform_data.old_backups_copy", "terraform_data.storage_backups_copy"),
        ("terraform_data.storage_backups", "terraform_data.storage_archive"),
        ("terraform_data.storage_backups_copy", "terraform_data.storage_archive_copy"),
    }


def test_a_move_of_a_parent_moves_its_children(tmp_path: Path) -> None:
    blocks = moved(tmp_path, "backups", [move("objects", "storage")])
    assert blocks[0] == {"from": "terraform_data.objects_backups", "to": "terraform_data.storage_backups"}


@pytest.mark.parametrize("bad", [move("a", "storage/typo"), move("a", "storage", stacks="*-gcp")])
def test_a_move_that_concerns_nothing_is_refused(tmp_path: Path, bad: Move) -> None:
    with pytest.raises(PortalError, match="concerns no resource"):
        moved(tmp_path, "backups", [bad])


def test_a_name_that_only_begins_alike_does_not_move() -> None:
    assert move("a", "storage/back").before("storage/backups") is None


def test_the_committed_moves_can_be_read() -> None:
    load_moves()


def test_two_paths_that_would_meet_in_one_address_are_refused(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "out"))
    stack = PortalStack(app, "prod-aws")
    TerraformResource(Construct(stack, "a"), "b_c", terraform_resource_type="terraform_data")
    TerraformResource(Construct(stack, "a_b"), "c", terraform_resource_type="terraform_data")
    message = "prod-aws/a/b_c and prod-aws/a_b/c would both be a_b_c"
    with pytest.raises(PortalError, match=message), address_collisions():
        app.synth()

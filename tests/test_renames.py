"""Every construct of every kind of stack, renamed: the ledger notices each, and a recorded move saves it."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from cdktf import App
from constructs import Construct

from portal.addresses import compare, complaints, recorded
from portal.app import stacks
from portal.moves import Move, record_moves
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from tests.conftest import StackOf
from tests.review.plans import plan_actions
from tests.synthesized import SynthesizedStack

STACKS = ("prod-aws", "prod-gcp", "prod-azure", "local")


def constructs_by_depth(stack: SynthesizedStack) -> list[dict[str, set[str]]]:
    """Constructs of ours that hold resources, by path without the stack's name: the addresses below each.

    Those of one depth hold none of each other, so that all of them can be renamed in one synthesis.
    """
    depths: defaultdict[int, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for resource in stack.resources.values():
        _, *parts = resource.path.split("/")
        for depth in range(1, len(parts)):
            depths[depth]["/".join(parts[:depth])].add(resource.address)
    return [dict(paths) for _, paths in sorted(depths.items())]


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_a_rename_needs_a_move_and_with_it_destroys_nothing(
    stack: StackOf, environments: Environments, versions: Versions, tmp_path: Path, name: str
) -> None:
    before = stack(name)
    depths = constructs_by_depth(before)
    assert sum(map(len, depths)) >= 8
    for depth, paths in enumerate(depths):
        without = synthesize_renamed(name, set(paths), [], environments, versions, tmp_path / f"without-{depth}")
        complained = list(complaints(name, compare(recorded(name), without.document)))
        for path, addresses in paths.items():
            lines = [line for line in complained if any(f"{address} " in line for address in addresses)]
            assert any("is gone" in line or "would be destroyed" in line for line in lines), path

        moves = [Move.model_validate({"stacks": name, "from": path, "to": f"{path}-renamed"}) for path in paths]
        after = synthesize_renamed(name, set(paths), moves, environments, versions, tmp_path / f"with-{depth}")
        assert compare(recorded(name), after.document).lost == (), depth
        planned = plan_actions(after.document, applied=before.document)
        assert {p.actions for p in planned} == {("no-op",)}, depth
        assert sum(p.moved_from is not None for p in planned) == len(without.resources.keys() - before.resources.keys())


@pytest.mark.slow
def test_without_a_move_terraform_would_destroy(
    stack: StackOf, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    after = synthesize_renamed("local", {"platform/database"}, [], environments, versions, tmp_path)
    planned = plan_actions(after.document, applied=stack("local").document)
    assert ("helm_release.platform_database", ("delete",)) in {(p.address, p.actions) for p in planned}


def synthesize_renamed(
    name: str, paths: set[str], moves: list[Move], environments: Environments, versions: Versions, outdir: Path
) -> SynthesizedStack:
    """The stack with the ids of these constructs changed where they are given, as an edit of the source would."""
    original = Construct.__init__
    targets = {f"{name}/{path}" for path in paths}

    def renamed(self: Construct, scope: Construct, id: str) -> None:
        ours = type(self).__module__.startswith("portal.")
        is_target = ours and f"{scope.node.path}/{id}" in targets
        original(self, scope, f"{id}-renamed" if is_target else id)

    outdir.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Construct, "__init__", renamed)
        app = App(outdir=str(outdir))
        made: Any = stacks(environments, versions)[name](app)
        record_moves([made], moves)
        app.synth()
    return SynthesizedStack(outdir / "stacks" / name / "cdk.tf.json")

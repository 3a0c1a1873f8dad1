"""Every construct of every kind of stack, renamed one by one: the ledger notices, and a recorded move saves it."""

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


def construct_paths(stack: SynthesizedStack) -> list[str]:
    """Constructs of ours that hold resources, without the stack's name."""
    found = set()
    for resource in stack.resources.values():
        _, *parts = resource.path.split("/")
        found |= {"/".join(parts[:length]) for length in range(1, len(parts))}
    return sorted(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_a_rename_needs_a_move_and_with_it_destroys_nothing(
    stack: StackOf, environments: Environments, versions: Versions, tmp_path: Path, name: str
) -> None:
    before = stack(name)
    paths = construct_paths(before)
    assert len(paths) >= 8
    for path in paths:
        without = synthesize_renamed(name, path, [], environments, versions, tmp_path / "without" / path)
        complained = list(complaints(name, compare(recorded(name), without.document)))
        assert any("is gone" in line or "would be destroyed" in line for line in complained), path

        move = Move.model_validate({"stacks": name, "from": path, "to": f"{path}-renamed"})
        after = synthesize_renamed(name, path, [move], environments, versions, tmp_path / "with" / path)
        assert compare(recorded(name), after.document).lost == (), path
        planned = plan_actions(after.document, applied=before.document)
        assert {p.actions for p in planned} == {("no-op",)}, path
        assert sum(p.moved_from is not None for p in planned) == len(without.resources.keys() - before.resources.keys())


@pytest.mark.slow
def test_without_a_move_terraform_would_destroy(
    stack: StackOf, environments: Environments, versions: Versions, tmp_path: Path
) -> None:
    after = synthesize_renamed("local", "platform/database", [], environments, versions, tmp_path)
    planned = plan_actions(after.document, applied=stack("local").document)
    assert ("helm_release.platform_database", ("delete",)) in {(p.address, p.actions) for p in planned}


def synthesize_renamed(
    name: str, path: str, moves: list[Move], environments: Environments, versions: Versions, outdir: Path
) -> SynthesizedStack:
    """The stack with one construct's id changed where the id is given, as an edit of the source would."""
    original = Construct.__init__

    def renamed(self: Construct, scope: Construct, id: str) -> None:
        ours = type(self).__module__.startswith("portal.")
        is_target = ours and f"{scope.node.path}/{id}" == f"{name}/{path}"
        original(self, scope, f"{id}-renamed" if is_target else id)

    outdir.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Construct, "__init__", renamed)
        app = App(outdir=str(outdir))
        made: Any = stacks(environments, versions)[name](app)
        record_moves([made], moves)
        app.synth()
    return SynthesizedStack(outdir / "stacks" / name / "cdk.tf.json")

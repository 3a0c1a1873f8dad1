"""What every journey's source must hold to: no request whose failure goes unseen, no name with an id in it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOADTEST = ROOT / "loadtest"
SCENARIOS = sorted((LOADTEST / "scenarios").glob("*.py"))
ASKING = ("ask", "call")
USERS = LOADTEST / "users.py"


def unmarked(source: str) -> Iterator[str]:
    """Requests that bypass `call`, which alone marks failures."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr == "client":
            yield f"line {node.lineno}: a request by Locust's own client"
        if isinstance(node, ast.keyword) and node.arg == "catch_response":
            yield f"line {node.value.lineno}: a catch_response of its own"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("success", "failure")
        ):
            yield f"line {node.lineno}: marks an answer itself"


def unguarded(source: str) -> Iterator[str]:
    """Answers that nobody looks at: `ask` or `call` outside of a `with`, whose block decides."""
    tree = ast.parse(source)
    guarded = {id(item.context_expr) for node in ast.walk(tree) if isinstance(node, ast.With) for item in node.items}
    # `ask` hands on what its own `with` opens.
    asking = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in ASKING]
    guarded |= {id(node.value) for each in asking for node in ast.walk(each) if isinstance(node, ast.Return)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ASKING and id(node) not in guarded:
            yield f"line {node.lineno}: outside of a with"


def named_by_id(source: str) -> Iterator[str]:
    """Names that are built of more than constants: each id would be a route of its own."""
    for function in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)):
        constants = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKING):
                continue
            name = next((keyword.value for keyword in node.keywords if keyword.arg == "name"), None)
            if name is None:
                yield f"line {node.lineno}: without a name"
                continue
            parts = [each for each in ast.walk(name) if isinstance(each, ast.Name | ast.Attribute | ast.Call)]
            if function.name in ASKING:
                # `ask` hands on what it was given.
                parts = [
                    each for each in parts if not (isinstance(each, ast.Name) and each.id in arguments | {"label"})
                ]
            if any(not (isinstance(each, ast.Name) and each.id in constants) for each in parts):
                yield f"line {node.lineno}: a name of more than constants"


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_journey_asks_by_what_marks_failures_and_names_routes(file: Path) -> None:
    source = file.read_text()
    assert [*unmarked(source), *unguarded(source), *named_by_id(source)] == []


def test_every_block_that_catches_a_response_marks_its_failures() -> None:
    """The one place that does: whichever way the block ends without success, `failure` was called."""
    places = [file for file in LOADTEST.rglob("*.py") if "catch_response=True" in file.read_text()]
    assert places == [USERS]
    (call,) = (
        node
        for node in ast.walk(ast.parse(USERS.read_text()))
        if isinstance(node, ast.ClassDef) and node.name == "Call"
    )
    blocks = [node.body for node in ast.walk(call) if isinstance(node, ast.If | ast.FunctionDef)]
    abandoned = [
        (before, last)
        for *_, before, last in (block for block in blocks if len(block) > 1)
        if isinstance(last, ast.Raise)
    ]
    assert len(abandoned) == len([node for node in ast.walk(call) if isinstance(node, ast.Raise)]) == 2
    for before, _ in abandoned:
        assert "self._fail(" in ast.unparse(before)
    assert "success" not in ast.unparse(call)


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("self.client.get('/x')", "Locust's own client"),
        ("self.ask('GET', '/x', name='/x')", "outside of a with"),
        ("with self.ask('GET', '/x', name='/x', catch_response=True): pass", "a catch_response of its own"),
        ("with self.ask('GET', '/x', name='/x') as answer: answer.success()", "marks an answer itself"),
        ("with self.ask('GET', f'/x/{wanted}', name=f'/x/{wanted}'): pass", "more than constants"),
        ("with self.ask('GET', '/x'): pass", "without a name"),
    ],
)
def test_what_is_looked_for_is_found(planted: str, said: str) -> None:
    source = f"def visit(self, wanted):\n    {planted}\n"
    assert any(said in found for found in (*unmarked(source), *unguarded(source), *named_by_id(source)))

"""`make diagrams`: draws what is deployed, for the documentation."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from portal.diagrams import Drawing, load_legend
from portal.synthesis import ROOT, read_stack

NAME = "diagrams"
HELP = "Draw the stacks that the documentation shows, from their synthesized JSON, into docs/diagrams/."
EXAMPLE = "make diagrams"

PAGES = {ROOT / "docs" / "diagrams" / "prod-aws.md": "prod-aws"}


def configure(parser: ArgumentParser) -> None:
    """No options."""


def run(options: Namespace) -> int:
    for file, stack in PAGES.items():
        text = page(stack, Drawing(read_stack(stack), load_legend()))
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"Wrote {file.relative_to(ROOT)}")
    return 0


def page(stack: str, drawing: Drawing) -> str:
    """The Markdown page of one stack."""
    return "\n".join(_lines(stack, drawing)) + "\n"


def _lines(stack: str, drawing: Drawing) -> Iterator[str]:
    yield f"<!-- Made by `make diagrams` from the stack's JSON. -->\n# What `{stack}` is made of\n"
    yield "## Parts"
    yield (
        "A frame is a part of the stack, a box all resources of one kind in it. An arrow leads from what uses to what "
        "is used, or watches: what fails takes with it what points to it."
    )
    yield f"\n```mermaid\n{drawing.components()}\n```\n"
    yield "## Releases in the cluster"
    yield "From left to right as they are installed, and from right to left as they are removed."
    yield f"\n```mermaid\n{drawing.order()}\n```\n"
    yield "## Keys\nWhat can no longer be read when a key is gone.\n"
    yield "| Key | Encrypts |\n|---|---|"
    for key, users in drawing.encrypted():
        yield f"| {key} | {', '.join(users)} |"

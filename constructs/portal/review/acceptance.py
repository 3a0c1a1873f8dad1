"""What `accept` found, for people and for programs."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from portal.review.accept import AcceptReport, StackResult

HOW_TO_MIRROR = """\
Terraform looks for providers where its CLI configuration says (TF_CLI_CONFIG_FILE names the file; else ~/.terraformrc).
Where the providers are within reach, `terraform providers mirror FOLDER` in the folder of a stack copies all it needs.
Bring FOLDER here and write into the CLI configuration:
    provider_installation {
      filesystem_mirror {
        path = "FOLDER"
      }
    }"""

SHOWN_LINES = 3
"""Of a refusal's message: some providers explain a wrong id in thirty."""


def as_json(report: AcceptReport) -> str:
    """The report's fields as they are, and its exit code."""
    return json.dumps({**asdict(report), "exit_code": report.exit_code}, indent=2)


def show(report: AcceptReport, console: Console) -> None:
    """A table of the stacks, then each refusal by construct, then what could not be judged here and what to do."""
    versions = ", ".join(f"{name} {version}" for name, version in report.providers.items())
    console.print(Text(f"Terraform {report.terraform} with {versions or 'no provider'}"))
    console.print(_stacks(report))
    for result in report.stacks:
        _refusals(result, console)
    for what in dict.fromkeys(what for result in report.stacks for what in result.not_tried):
        stacks = [result.stack for result in report.stacks if what in result.not_tried]
        console.print(Text(f"Not tried: {what} ({', '.join(stacks)})"))
    for provider in report.missing:
        stacks = [result.stack for result in report.stacks if provider.name in result.lacking]
        name = f"Provider {provider.name} {provider.version}"
        console.print(
            Text.assemble((name, "bold red"), f": `terraform init` found it nowhere; not tried: {', '.join(stacks)}.")
        )
        console.print(Padding(Text(provider.reason), (0, 4)))
    if report.missing:
        console.print(Text(HOW_TO_MIRROR), soft_wrap=True)


def _stacks(report: AcceptReport) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("stack")
    for heading in ("resources", "accepted", "refusals", "seconds"):
        table.add_column(heading, justify="right")
    for result in report.stacks:
        judged = not result.lacking
        table.add_row(
            result.stack,
            str(result.resources),
            Text(str(result.accepted), "green" if result.accepted == result.resources else "red") if judged else "-",
            str(len(result.refusals)) if judged else f"lacks {', '.join(result.lacking)}",
            f"{result.seconds:.1f}",
        )
    return table


def _refusals(result: StackResult, console: Console) -> None:
    for refusal in result.refusals:
        place = Text.assemble((refusal.construct or result.stack, "bold red"), f"  {refusal.argument}".rstrip())
        console.print(place, f"({refusal.stage})", markup=False, highlight=False)
        lines = refusal.message.splitlines()
        cut = [f"({len(lines) - SHOWN_LINES} more lines with --json)"] if len(lines) > SHOWN_LINES else []
        console.print(Padding(Text("\n".join(lines[:SHOWN_LINES] + cut)), (0, 4)))

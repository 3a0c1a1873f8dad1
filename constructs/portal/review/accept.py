"""Has every stack judged by its real providers, without an account, a cluster or a backend.

Three stages a stack. `validate`: every argument by the providers' own rules. `apply`: the whole graph with the values
that are known after apply, every provider mocked. `plan`: only the clouds mocked, so that the real helm provider opens
each chart and holds the values against its schema.
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from portal.errors import PortalError
from portal.review import charts, trial
from portal.review.providers import MissingProvider, Providers, install
from portal.review.references import Document, dependents, members
from portal.review.refusals import Refusal, Source
from portal.review.terraform import Terraform
from portal.synthesis import chosen_stacks, read_stack

REFUSED = 1


@dataclass(frozen=True, kw_only=True)
class StackResult:
    """What came out for one stack.

    `resources`: how many it has, data sources included. `accepted`: those that no stage refused and that depend on none
    that was refused. `not_tried`: what could not be judged here, and why. `lacking`: providers it needs.
    """

    stack: str
    resources: int
    accepted: int
    refusals: tuple[Refusal, ...]
    not_tried: tuple[str, ...]
    lacking: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class AcceptReport:
    """`terraform`: its version. `providers`: name -> version that judged."""

    terraform: str
    providers: Mapping[str, str]
    missing: tuple[MissingProvider, ...]
    stacks: tuple[StackResult, ...]

    @property
    def exit_code(self) -> int:
        """0: all accepted. 1: something was refused. 2: nothing was, but a provider was not to be had."""
        if any(result.refusals for result in self.stacks):
            return REFUSED
        return PortalError.EXIT_CODE if self.missing else 0


def accept(*, stacks_folder: Path, stacks: Sequence[str], report: Callable[[str], None]) -> AcceptReport:
    """Judges `stacks`, all if none is named, of a `cdktf.out/stacks`. `report` gets a line as each stage begins.

    Works on copies in a temporary folder, which is gone afterwards, also after an interrupt. Raises `PortalError` if
    there is no such stack, or no usable Terraform.
    """
    terraform = Terraform.on_path()
    documents = {name: read_stack(name, stacks_folder) for name in chosen_stacks(list(stacks), stacks_folder)}
    with TemporaryDirectory(prefix="portal-accept-") as temporary:
        report("providers: init")
        providers = install(terraform, documents.values(), Path(temporary, "providers"))
        judge = _Judge(terraform, providers, report)
        results = tuple(
            judge.stack(name, document, assets=stacks_folder / name / "assets", folder=Path(temporary, "stacks", name))
            for name, document in documents.items()
        )
    return AcceptReport(
        terraform=terraform.version, providers=providers.found, missing=providers.missing, stacks=results
    )


class _Judge:
    """Runs the stages. Asks each chart repository once a run."""

    def __init__(self, terraform: Terraform, providers: Providers, report: Callable[[str], None]) -> None:
        self._terraform = terraform
        self._providers = providers
        self._report = report
        self._unreachable = cache(charts.unreachable)

    def stack(self, name: str, document: Document, *, assets: Path, folder: Path) -> StackResult:
        start = time.monotonic()
        addresses = {address for address, _ in members(document)}
        lacking = self._providers.lacking(document)
        refusals: list[Refusal] = []
        not_tried: list[str] = []
        if not lacking:
            folder.mkdir(parents=True)
            if assets.exists():
                shutil.copytree(assets, folder / "assets")
            refusals, not_tried = self._stages(name, document, folder)
        refused = {refusal.address for refusal in refusals}
        return StackResult(
            stack=name,
            resources=len(addresses),
            # A refusal that names none of them, of a provider block perhaps, may concern them all.
            accepted=0 if lacking or refused - addresses else len(addresses - refused - dependents(document, refused)),
            refusals=tuple(refusals),
            not_tried=tuple(not_tried),
            lacking=lacking,
            seconds=time.monotonic() - start,
        )

    def _stages(self, name: str, document: Document, folder: Path) -> tuple[list[Refusal], list[str]]:
        source = Source(document)
        (folder / Source.FILE).write_text(source.text, encoding="utf-8")
        self._report(f"{name}: init")
        for error in self._terraform.init(folder, providers=self._providers.folder):
            raise PortalError(f"{name}: terraform init failed: {error['summary']}: {error['detail']}")
        self._report(f"{name}: validate")
        refusals = [source.refusal("validate", error, folder) for error in self._terraform.validate(folder)]
        if refusals:
            # Each test begins with a validation, and would only say the same again.
            return refusals, ["apply and plan: the configuration is not valid"]
        refusals += self._test(name, "apply", trial.for_apply(document), folder)
        if "helm" not in document.get("provider", {}):
            return refusals, []
        asked = {repository: self._unreachable(repository) for repository in sorted(charts.repositories(document))}
        closed = {repository: why for repository, why in asked.items() if why}
        not_tried = [f"plan of charts in {repository}, not reachable: {why}" for repository, why in closed.items()]
        refusals += self._test(name, "plan", trial.for_plan(charts.without(document, set(closed))), folder)
        return refusals, not_tried

    def _test(self, name: str, command: trial.Command, document: Document, folder: Path) -> list[Refusal]:
        self._report(f"{name}: {command}")
        source = Source(document)
        (folder / Source.FILE).write_text(source.text, encoding="utf-8")
        (folder / "accept.tftest.json").write_text(json.dumps(trial.test_file(document, command)), encoding="utf-8")
        return [source.refusal(command, error, folder) for error in self._terraform.test(folder)]

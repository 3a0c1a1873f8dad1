"""The user's Terraform, run in folders that are ours, without a word to a cluster or an account."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from portal.errors import PortalError

OLDEST = (1, 11)
"""The first version with write-only arguments."""

# Would point Terraform at another folder or workspace, or a provider at a real cluster.
REMOVED_FROM_ENVIRONMENT = ("TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG", "KUBE", "HELM_KUBE")
SECONDS_TO_STOP = 10


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """A program, and its version as it reports it: `1.11.4`."""

    program: str
    version: str

    @classmethod
    def on_path(cls) -> "Terraform":
        """Raises `PortalError` if there is none, or one older than 1.11."""
        program = shutil.which("terraform")
        if program is None:
            raise PortalError("terraform is not on PATH; install Terraform 1.11 or newer.")
        version = json.loads(_run(program, "version", "-json", folder=Path.cwd()).output)["terraform_version"]
        if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < OLDEST:
            raise PortalError(f"{program} is Terraform {version}; 1.11 or newer is needed.")
        return cls(program=program, version=version)

    def init(self, folder: Path, *, providers: Path | None = None) -> list[dict[str, Any]]:
        """Installs providers, without a backend; returns errors as machine-readable diagnostics.

        `providers`: take them from that folder only, not from where the user's configuration says.
        """
        source = () if providers is None else (f"-plugin-dir={providers}",)
        return self._run(folder, "init", "-backend=false", "-input=false", "-json", *source).errors_in_lines()

    def validate(self, folder: Path) -> list[dict[str, Any]]:
        """The errors of `terraform validate`."""
        result = self._run(folder, "validate", "-json")
        return result.errors(json.loads(result.output)["diagnostics"] if result.output.startswith("{") else [])

    def test(self, folder: Path) -> list[dict[str, Any]]:
        """The errors of `terraform test` over the test files in `folder`."""
        return self._run(folder, "test", "-json").errors_in_lines()

    def _run(self, folder: Path, *arguments: str) -> "_Result":
        return _run(self.program, *arguments, folder=folder)


@dataclass(frozen=True, kw_only=True)
class _Result:
    command: str
    code: int
    output: str

    def errors_in_lines(self) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return self.errors([event["diagnostic"] for event in events if "diagnostic" in event])

    def errors(self, diagnostics: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without warnings. A provider's error about its own block comes with severity `unknown`."""
        found = [diagnostic for diagnostic in diagnostics if diagnostic["severity"] != "warning"]
        if self.code and not found:
            raise PortalError(f"`{self.command}` failed (exit code {self.code}) without saying why:\n{self.output}")
        return found


def _run(program: str, *arguments: str, folder: Path) -> _Result:
    """On an interrupt Terraform gets time to stop its providers, which would outlive it."""
    with TemporaryFile("w+") as output:
        process = subprocess.Popen(
            (program, *arguments),
            cwd=folder,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            # Colours and drawings for people; all that is needed of it is in the diagnostics.
            stderr=subprocess.DEVNULL,
            # Its own process group: Ctrl-C reaches Terraform once, from here.
            start_new_session=True,
        )
        try:
            process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=SECONDS_TO_STOP)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        output.seek(0)
        return _Result(command=" ".join((program, *arguments)), code=process.returncode, output=output.read())


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in inherited.items() if not name.startswith(REMOVED_FROM_ENVIRONMENT)}
    return {**kept, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

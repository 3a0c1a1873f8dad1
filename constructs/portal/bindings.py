"""Fast provider bindings: a provider package costs what one uses of it, not what it holds.

A prebuilt provider package loads all of its 500 to 1,600 resources when it is imported, twice: once in Python and once
in the Node process behind jsii. That is 45 s and over 3 GB for five providers, against 2 ms for a resource. So:

- in Python, each provider package is registered as a bare package with the right path, so that
  `from cdktf_cdktf_provider_aws.vpc import Vpc` loads that one module (submodules import only the package's `_jsii`);
- in Node, `lazy_assemblies.cjs` makes the package's index load each resource at its first use.

What is left is mostly talk between the two: `quick_constructs.cjs` answers in Node what Python need not be asked, and
`one_process.cjs` lets Python talk to jsii without a process in between.

The Terraform JSON is the same byte for byte; a test compares. `PORTAL_EAGER_BINDINGS=1` gives the plain way. Nothing
else in this project touches import machinery or Node's start-up.
"""

import os
import sys
import typing
from collections.abc import MutableMapping
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

EAGER_SWITCH = "PORTAL_EAGER_BINDINGS"

PROVIDERS = ("aws", "google", "azurerm", "kubernetes", "helm", "time")

_NODE_HALVES = [
    Path(__file__).with_name(f"{name}.cjs") for name in ("one_process", "lazy_assemblies", "quick_constructs")
]

_QUIET_NODE_MAJORS = "20"
"""Node majors that the project supports although jsii warns, in a 12-line banner, that they are past their end."""

_SMALL_NURSERY = "--max-semi-space-size=8"
"""MiB. Constructs live as long as the process: more space for short-lived objects costs 15 MiB and saves no time."""

_LINKS = "--preserve-symlinks"
"""How jsii's own second process finds a package's dependencies: beside the link, not where the link leads."""


def install(environment: MutableMapping[str, str] = os.environ) -> None:
    """Makes later imports of provider bindings fast. Call before anything imports cdktf.

    A package that is missing or laid out otherwise is left alone, with one warning: it still works, slowly.
    """
    environment.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", _QUIET_NODE_MAJORS)
    if environment.get(EAGER_SWITCH) == "1":
        return
    unexpected = [name for name in map(_package_name, PROVIDERS) if not _register(name)]
    if unexpected:
        print(
            f"Warning: {', '.join(unexpected)} is missing or not laid out as expected; its bindings load the slow way.",
            file=sys.stderr,
        )
    _remember_type_hints()
    _import_while_node_loads()
    # What the user says comes last, and wins.
    preloads = (f"--require {_quoted(half)}" for half in _NODE_HALVES)
    said = environment.get("NODE_OPTIONS", "")
    environment["NODE_OPTIONS"] = " ".join([_SMALL_NURSERY, _LINKS, *preloads, said]).strip()


def _remember_type_hints() -> None:
    """Makes the bindings work out the types of a constructor's arguments once, not for every resource.

    Before they check arguments they ask `typing.get_type_hints` about a stub function, whose answer never changes: a
    tenth of the time of a synthesis. Nobody else's questions are touched.
    """
    plain = typing.get_type_hints
    remembered = cache(plain)

    def get_type_hints(obj: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        is_stub = not args and not kwargs and getattr(obj, "__name__", "").startswith("_typecheckingstub__")
        return remembered(obj) if is_stub else plain(obj, *args, **kwargs)

    typing.get_type_hints = get_type_hints


def _import_while_node_loads() -> None:
    """Lets Python go on importing while Node loads the packages that it was told of, on a core of its own.

    The answers say nothing that is used. They are read before the next question of another kind, and one that is a
    refusal is raised there.
    """
    from jsii._kernel.providers import process  # noqa: PLC0415  (the plain way should not depend on it)
    from jsii._kernel.types import LoadRequest  # noqa: PLC0415

    class Process(process._NodeProcess):
        _is_load, _owed = False, 0

        def send(self, request: Any, response_type: Any) -> Any:
            self._is_load = isinstance(request, LoadRequest)
            return super().send(request, response_type)

        def _next_message(self) -> Any:
            if self._is_load:
                self._owed += 1
                return {"ok": {"assembly": "", "types": 0}}
            while self._owed:
                self._owed -= 1
                if refusal := super()._next_message().get("error"):
                    raise RuntimeError(refusal)
            return super()._next_message()

    process._NodeProcess = Process  # type: ignore[misc]


FIRST_RUN_NOTICE = "First run on this machine: unpacking the provider bindings, about 15 s once."


def first_run(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether jsii has yet to unpack the bindings into its cache, which it keeps for each user."""
    root = environment.get("JSII_RUNTIME_PACKAGE_CACHE_ROOT")
    home = Path.home() / ("Library/Caches/com.amazonaws.jsii" if sys.platform == "darwin" else ".cache/aws/jsii")
    cache = Path(root) if root else home / "package-cache"
    return not any((cache / "@cdktf" / "provider-aws").glob("*"))


def _package_name(provider: str) -> str:
    return f"cdktf_cdktf_provider_{provider}"


def _register(name: str) -> bool:
    """Puts a bare package `name` in place of the real one; False if that one does not look as it should."""
    folder = next((path for entry in sys.path if (path := Path(entry or ".") / name).is_dir()), None)
    if folder is None or not (folder / "_jsii" / "__init__.py").is_file() or not (folder / "provider").is_dir():
        return False
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    package.__spec__ = ModuleSpec(name, loader=None, is_package=True)
    sys.modules[name] = package
    return True


def _quoted(path: Path) -> str:
    """NODE_OPTIONS splits at spaces and knows double quotes and backslashes (Node manual, NODE_OPTIONS)."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

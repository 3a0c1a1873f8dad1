"""What Pod Security's level `restricted` asks for, as charts take it: contexts of pods and of containers."""

from typing import Any, Final

NOBODY: Final = 65534

POD: Final[dict[str, Any]] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
AS_NOBODY: Final[dict[str, Any]] = {**POD, "runAsUser": NOBODY, "runAsGroup": NOBODY}
"""For images that would run as root, or whose user has a name instead of a number."""

CONTAINER: Final[dict[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}

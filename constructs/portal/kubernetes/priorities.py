"""In which order pods are scheduled, and who makes room for whom: the platform's priority classes."""

from collections.abc import Mapping
from typing import Final

SYSTEM: Final = "portal-system"
DATA: Final = "portal-data"
APP: Final = "portal-app"
HEADROOM: Final = "portal-headroom"

# Far below the classes of Kubernetes itself, which start at two billion, and above 0, the priority of what names none.
PRIORITIES: Final[Mapping[str, tuple[int, str]]] = {
    SYSTEM: (3_000_000, "Operators, certificates and monitoring: without them nothing else is repaired."),
    DATA: (2_000_000, "Databases and caches: the portal is nothing without them."),
    APP: (1_000_000, "The portal's applications."),
    # Below whatever names no class, and not below what the cluster autoscaler passes over (-10).
    HEADROOM: (-10, "Room that is held for the portal's next pods: gives way to everything."),
}
"""Value and meaning by name. A value is permanent: Kubernetes refuses to change it."""

"""Tags and labels: the same on everything that takes them."""

from portal.naming import PROJECT
from portal.spec.environment import KubernetesLayer


def tags(*, stack: str, layer: KubernetesLayer) -> dict[str, str]:
    """What finds, bills and backs up a resource.

    Lower-case keys and values with hyphens only: Google Cloud labels and Kubernetes labels allow nothing else.
    """
    return {**shared_tags(stack=stack), "tier": layer.tier, "backup": layer.backup.level}


def shared_tags(*, stack: str) -> dict[str, str]:
    """The same on what belongs to no tier."""
    return {"project": PROJECT, "stack": stack, "managed-by": "cdktf"}

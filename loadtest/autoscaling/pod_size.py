"""What a pod takes from a quota and from a node, in thousandths, by the names that quotas have for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loadtest.autoscaling.quantity import milli, resources

Json = Mapping[str, Any]
ONE: Final = 1000
ENDED: Final = ("Succeeded", "Failed")
KEEPS_OUT: Final = ("NoSchedule", "NoExecute")
OF_PODS: Final = ("cpu", "memory")
GIBI: Final = 1024**3 * 1000


def size(pod: Json) -> dict[str, int]:
    """Source: Kubernetes, "Resource Quotas": `cpu` is another name for `requests.cpu`."""
    requests, limits = effective(pod["spec"], "requests"), effective(pod["spec"], "limits")
    return {
        "pods": ONE,
        "count/pods": ONE,
        **requests,
        **{f"requests.{name}": amount for name, amount in requests.items()},
        **{f"limits.{name}": amount for name, amount in limits.items()},
    }


def effective(spec: Json, kind: str) -> dict[str, int]:
    """Of a whole pod: what runs together, or the most that something needs before, whichever is more.

    Source: Kubernetes, "Sidecar Containers", resource sharing within containers.
    """
    stay: dict[str, int] = {}
    before: dict[str, int] = {}
    for container in spec.get("initContainers", ()):
        amounts = resources(container.get("resources", {}).get(kind))
        if container.get("restartPolicy") == "Always":
            stay = _sum(stay, amounts)
        else:
            before = _most(before, _sum(stay, amounts))
    for container in spec["containers"]:
        stay = _sum(stay, resources(container.get("resources", {}).get(kind)))
    return _sum({**_most(stay, before), **as_a_whole(spec, kind)}, resources(spec.get("overhead")))


def as_a_whole(spec: Json, kind: str) -> dict[str, int]:
    """What is set for the pod itself, in the place of what its containers say.

    Source: Kubernetes, "Assign Pod-level CPU and memory resources".
    """
    own = resources(spec.get("resources", {}).get(kind))
    return {name: amount for name, amount in own.items() if name in OF_PODS or name.startswith("hugepages-")}


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in one.keys() | other.keys()}


def _most(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one.keys() | other.keys()}


def fits_on(node: Json, pod: Json, pods: Sequence[Json]) -> int:
    """How many more pods like that one a node takes; `pods` are those of the whole cluster.

    At most: affinity and topology spread, which may forbid some of them, are not looked at.
    """
    if not _lets_in(node, pod["spec"]):
        return 0
    wanted = {"pods": ONE, **effective(pod["spec"], "requests")}
    free = {name: milli(amount) for name, amount in node["status"].get("allocatable", {}).items()}
    for other in _on(node, pods):
        for name, amount in {"pods": ONE, **effective(other["spec"], "requests")}.items():
            free[name] = free.get(name, 0) - amount
    return max(min(free.get(name, 0) // amount for name, amount in wanted.items() if amount), 0)


def _on(node: Json, pods: Sequence[Json]) -> Iterator[Json]:
    for pod in pods:
        here = pod["spec"].get("nodeName") == node["metadata"]["name"]
        if here and pod.get("status", {}).get("phase") not in ENDED:
            yield pod


def _lets_in(node: Json, spec: Json) -> bool:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", ()))
    labels = node["metadata"].get("labels", {})
    chosen = all(labels.get(key) == value for key, value in (spec.get("nodeSelector") or {}).items())
    about = node.get("spec", {})
    kept_out = any(
        taint["effect"] in KEEPS_OUT and not any(_tolerates(each, taint) for each in spec.get("tolerations") or ())
        for taint in about.get("taints") or ()
    )
    return ready and chosen and not kept_out and not about.get("unschedulable", False)


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def shown(resource: str, amount: int) -> str:
    """As a quantity that may stand in a manifest."""
    if resource.endswith(("memory", "storage")):
        return f"{amount / GIBI:.4g}Gi"
    return f"{amount}m" if amount % ONE else f"{amount // ONE}"

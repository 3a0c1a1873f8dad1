"""Pods on Fargate: which, and of which size AWS makes each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portal.helm_values import decoded
from portal.preflight.stack import AwsStack
from portal.synthesis import PlannedResource

SIZES = ((0.25, 2), (0.5, 4), (1, 8), (2, 16), (4, 30), (8, 60), (16, 120))
"""vCPUs and the most memory in GiB beside them.

Source: EKS user guide, "Understand Fargate Pod configuration details".
"""

KUBELET_GIB = 0.25
"""What Fargate adds to the memory that a pod asks for (same page)."""


@dataclass(frozen=True, kw_only=True)
class FargatePods:
    """The pods of one release that a profile takes."""

    release: str
    count: int
    vcpus: float
    """Of each pod, as Fargate rounds it up."""
    subnets: tuple[PlannedResource, ...]


def fargate_pods(stack: AwsStack) -> Iterator[FargatePods]:
    """The load test's pods, where a profile takes its namespace: one master, and the workers that the data ask for."""
    for profile in stack.all("aws_eks_fargate_profile"):
        selectors = profile.body["selector"]
        # A block that may stand several times is a list; one alone may stand bare.
        namespaces = {each["namespace"] for each in (selectors if isinstance(selectors, list) else [selectors])}
        for release in stack.all("helm_release"):
            values = decoded(release.body["values"], known=str)
            if release.body["namespace"] in namespaces and "workers" in values:
                yield FargatePods(
                    release=release.body["name"],
                    count=values["workers"] + 1,
                    vcpus=_vcpus(values["resources"]),
                    subnets=stack.referred(profile.body["subnet_ids"], "aws_subnet"),
                )


def _vcpus(resources: Any) -> float:
    """The smallest size of Fargate that holds one container's CPU and memory, as Kubernetes writes them."""
    cpu, memory = resources["cpu"], resources["memory"]
    cores = int(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
    gib = int(memory[:-2]) / (1 if memory.endswith("Gi") else 1024) + KUBELET_GIB
    return next((vcpus for vcpus, most_gib in SIZES if vcpus >= cores and most_gib >= gib), SIZES[-1][0])

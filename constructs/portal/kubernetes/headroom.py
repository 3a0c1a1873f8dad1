"""Room on the nodes, held by pods that give way: a scale-up starts without waiting for a machine."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.priorities import HEADROOM
from portal.kubernetes.release import OwnChart
from portal.spec.versions import OperandImage
from portal.spec.workloads import Headroom

CHART: Final = "headroom"
IMAGE: Final = "pause"


def install_headroom(install: Installer, *, after: Sequence[ITerraformDependable]) -> None:
    """Nothing where the data ask for none."""
    headroom = install.layer.headroom
    if not headroom:
        return
    install.release(
        "headroom",
        chart=OwnChart(name=CHART),
        namespace=ns.PORTAL,
        values=values(headroom=headroom, image=install.versions.images[IMAGE], cluster=install.cluster),
        after=after,
    )


def values(*, headroom: Headroom, image: OperandImage, cluster: Cluster) -> dict[str, Any]:
    """Values of chart headroom, on the nodes of the portal's applications.

    Source: cluster-autoscaler FAQ, "How can I configure overprovisioning with Cluster Autoscaler?".
    """
    return {
        "pods": headroom.pods,
        "resources": headroom.resources.model_dump(),
        "image": image.reference,
        "priorityClass": HEADROOM,
        "nodeSelector": cluster.nodes("application"),
    }

"""The controller that brings pods into a load balancer which Terraform made, where the cloud has none built in."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import restricted
from portal.kubernetes.contract import Cluster, ServiceAccount, TargetController
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import SELECTED
from portal.kubernetes.priorities import SYSTEM
from portal.kubernetes.release import ThirdPartyChart

CHART: Final = "aws-load-balancer-controller"

SERVICE_ACCOUNT = ServiceAccount(namespace=ns.LOAD_BALANCING, name=CHART)


def install_target_controller(
    install: Installer, *, after: Sequence[ITerraformDependable]
) -> tuple[ITerraformDependable, ...]:
    """What bindings come after; nothing where the cloud joins pods by itself."""
    controller = install.services.target_controller
    if not controller:
        return ()
    release = install.release(
        "target-controller",
        chart=ThirdPartyChart(name=CHART),
        namespace=ns.LOAD_BALANCING,
        values=values(controller=controller, cluster=install.cluster, highly_available=install.highly_available),
        after=[*controller.ready, *after],
    )
    # It takes its finalizer off a binding, after it has taken the pods out of the target group.
    return install.pause_on_destroy("targets-gone", controllers=[release], seconds=60)


def values(*, controller: TargetController, cluster: Cluster, highly_available: bool) -> dict[str, Any]:
    """Values of the controller's chart: bindings only, no load balancers of its own making."""
    return {
        "clusterName": controller.cluster_name,
        # Else it would ask the machine's metadata service, which pods cannot reach.
        "region": controller.region,
        "vpcId": controller.network_id,
        "serviceAccount": {"name": SERVICE_ACCOUNT.name},
        "replicaCount": 2 if highly_available else 1,
        "podDisruptionBudget": {"maxUnavailable": 1} if highly_available else {},
        # It would stand in the way of every Service of the cluster while it is down.
        "enableServiceMutatorWebhook": False,
        "createIngressClassResource": False,
        "enableCertManager": True,
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "enableBackendSecurityGroup": False,
        "priorityClassName": SYSTEM,
        "nodeSelector": cluster.nodes("system"),
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        "podSecurityContext": {**restricted.POD, "fsGroup": restricted.NOBODY},
        "securityContext": {**restricted.CONTAINER, "runAsNonRoot": True},
        "serviceMonitor": {"enabled": True, "additionalLabels": SELECTED["matchLabels"]},
    }

"""One environment file: a tier on every cloud, or the local cluster."""

from typing import Literal

from pydantic import Field

from portal.spec.clouds import Clouds, NodeGroup, NodeGroupName
from portal.spec.types import Spec
from portal.spec.workloads import Backup, ChartName, ChartOverride, DataStores, Headroom, Monitoring, PortalApps

Tier = Literal["dev", "staging", "prod"]


class KubernetesLayer(Spec):
    """What every environment says, whichever cluster it runs on."""

    tier: Tier
    portal: PortalApps
    data: DataStores
    monitoring: Monitoring
    backup: Backup
    headroom: Headroom | None = Field(default=None, description="Room held for the next pods; null: none.")
    mesh: bool = Field(
        description="Istio: mutual TLS and identities between pods, and the gateway by which requests come in. "
        "Without it only network policies keep pods apart, and nothing reaches the portal from outside."
    )
    protected: bool = Field(
        description="Terraform and the clouds refuse to delete stateful resources. Lift it, deploy, then destroy."
    )
    charts: dict[ChartName, ChartOverride] = Field(default={}, description="Values that win over ours, by chart.")


class Environment(KubernetesLayer):
    """One tier: its values, and one block for each cloud."""

    nodes: dict[NodeGroupName, NodeGroup]
    clouds: Clouds


class LocalCluster(Spec):
    """The cluster that a kubeconfig names: kind, k3d, minikube, a test control plane."""

    kubeconfig: str = Field(min_length=1, description="Path of the kubeconfig file; `~` is expanded by Terraform.")
    context: str = Field(min_length=1)
    storage_class: str | None = Field(description="A StorageClass that exists there; null takes the cluster's default.")


class LocalEnvironment(KubernetesLayer):
    """The Kubernetes layer alone, at development size."""

    tier: Literal["dev"]
    cluster: LocalCluster

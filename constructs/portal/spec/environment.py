"""One environment file: a tier on every cloud, or the local cluster."""

from typing import Literal

from pydantic import Field

from portal.spec.clouds import Cloud, Clouds, NodeGroup, NodeGroupName
from portal.spec.types import Spec
from portal.spec.workloads import (
    CACHES,
    DATABASES,
    Backup,
    CacheName,
    ChartName,
    ChartOverride,
    DatabaseName,
    DataStores,
    Headroom,
    LoadTest,
    ManagedStores,
    Monitoring,
    Placement,
    PortalApps,
    StoreName,
)

Tier = Literal["dev", "staging", "prod"]


class KubernetesLayer(Spec):
    """What every environment says, whichever cluster it runs on."""

    tier: Tier
    portal: PortalApps
    data: DataStores
    monitoring: Monitoring
    backup: Backup
    load_test: LoadTest | None = Field(default=None, description="A load test in the cluster; null: none.")
    headroom: Headroom | None = Field(default=None, description="Room held for the next pods; null: none.")
    mesh: bool = Field(
        description="Istio: mutual TLS and identities between pods, and the gateway by which requests come in. "
        "Without it only network policies keep pods apart, and nothing reaches the portal from outside."
    )
    highly_available: bool = Field(
        description="Operators, controllers and the gateway run more than once, on different nodes."
    )
    admission: Literal["warn", "deny"] = Field(
        description="What admission policies do about what they refuse: `warn` lets an image that was just built "
        "be tried."
    )
    protected: bool = Field(
        description="Terraform and the clouds refuse to delete stateful resources. Lift it, deploy, then destroy."
    )
    charts: dict[ChartName, ChartOverride] = Field(default={}, description="Values that win over ours, by chart.")


class Environment(KubernetesLayer):
    """One tier: its values, and one block for each cloud."""

    managed: ManagedStores
    nodes: dict[NodeGroupName, NodeGroup]
    clouds: Clouds

    def placement(self, store: StoreName, cloud: Cloud) -> Placement:
        """Where `store` runs on `cloud`."""
        return cloud.placement.get(store, self.data.placement(store))

    def managed_databases(self, cloud: Cloud) -> tuple[DatabaseName, ...]:
        """The databases that are services of `cloud`."""
        return tuple(name for name in DATABASES if self.placement(name, cloud) == "managed")

    def managed_caches(self, cloud: Cloud) -> tuple[CacheName, ...]:
        """The caches that are services of `cloud`."""
        return tuple(name for name in CACHES if self.placement(name, cloud) == "managed")


class LocalCluster(Spec):
    """The cluster that a kubeconfig names: kind, k3d, minikube, a test control plane."""

    kubeconfig: str = Field(min_length=1, description="Path of the kubeconfig file; `~` is expanded by Terraform.")
    context: str = Field(min_length=1)
    storage_class: str | None = Field(description="A StorageClass that exists there; null takes the cluster's default.")


class LocalEnvironment(KubernetesLayer):
    """The Kubernetes layer alone, at development size."""

    tier: Literal["dev"]
    cluster: LocalCluster

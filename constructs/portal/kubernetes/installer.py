"""What all releases of one platform share, so that each says only what is its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import ITerraformDependable
from constructs import Construct

from portal.helm_values import merged
from portal.kubernetes.contract import CloudServices, Cluster
from portal.kubernetes.namespaces import Namespaces
from portal.kubernetes.pause import PauseOnDestroy
from portal.kubernetes.release import OwnChart, Release, ThirdPartyChart
from portal.spec.environment import KubernetesLayer
from portal.spec.versions import Versions


class Installer:
    """Installs releases into one cluster.

    `storage_class`: of data volumes, None for the cluster's default. `volumes_ready`: what users of that class come
    after; `shared_files_ready`: what users of shared files do. `highly_available`: whether controllers run more than
    once.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        cluster: Cluster,
        services: CloudServices,
        layer: KubernetesLayer,
        versions: Versions,
        namespaces: Namespaces,
        storage_class: str | None,
        volumes_ready: Sequence[ITerraformDependable],
        shared_files_ready: Sequence[ITerraformDependable],
    ) -> None:
        self._scope = scope
        self.cluster = cluster
        self.services = services
        self.layer = layer
        self.versions = versions
        self.namespaces = namespaces
        self.storage_class = storage_class
        self.volumes_ready = tuple(volumes_ready)
        self.shared_files_ready = tuple(shared_files_ready)
        self.highly_available = layer.highly_available

    def release(
        self,
        id: str,
        *,
        chart: ThirdPartyChart | OwnChart,
        namespace: str,
        values: Mapping[str, Any],
        after: Sequence[ITerraformDependable] = (),
        holds_data: bool = False,
        waits: bool = True,
    ) -> ITerraformDependable:
        """One release, after the quota and the policies of its namespace; `after`: what else it comes after. `waits`:
        see `Release`.

        The environment's override of the chart wins over `values`.
        """
        override = self.layer.charts.get(chart.name)
        return Release(
            self._scope,
            id,
            chart=chart,
            namespace=namespace,
            values=merged(values, override.values) if override else values,
            charts=self.versions.charts,
            after=[*self.namespaces.ready[namespace], *after],
            holds_data=holds_data,
            waits=waits,
            protected=holds_data and self.layer.protected,
        ).installed

    def pause_on_destroy(
        self, id: str, *, controllers: Sequence[ITerraformDependable], seconds: int
    ) -> tuple[ITerraformDependable, ...]:
        """What comes after this is gone `seconds` before `controllers` are."""
        return PauseOnDestroy(self._scope, id, controllers=controllers, seconds=seconds).after

"""The Kubernetes layer, whole: the same on every cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_time.provider import TimeProvider
from constructs import Construct

from portal.helm_values import merged
from portal.kubernetes import autoscaling, monitoring, observability, portal, postgres, redis, security
from portal.kubernetes import namespaces as ns
from portal.kubernetes.connection import connect
from portal.kubernetes.contract import CloudServices, Cluster, VolumeClass
from portal.kubernetes.namespaces import Namespaces
from portal.kubernetes.pause import PauseOnDestroy
from portal.kubernetes.release import OwnChart, Release, ThirdPartyChart
from portal.kubernetes.storage import DataVolumes
from portal.spec.environment import KubernetesLayer
from portal.spec.versions import Versions


class Platform(Construct):
    """Namespaces, then operators, then what the operators run, then the portal.

    Destroying goes the other way, with a pause wherever a controller has to finish before it goes itself: after the
    stores (the operators remove pods and claims) and after the namespaces (the cluster's drivers remove volumes).

    Source: guide, "Kubernetes Cluster Architecture" to "Monitoring Architecture".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: Cluster,
        services: CloudServices,
        layer: KubernetesLayer,
        versions: Versions,
        labels: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id)
        self._layer = layer
        self._charts = versions.charts
        autoscalers = services.node_autoscaler or not cluster.vertical_autoscaler
        autoscaling_namespace = [ns.AUTOSCALING] if autoscalers else []
        node_agents = [ns.NODE_AGENTS] if cluster.node_agents else []
        names = [*ns.EVERYWHERE, *node_agents, *autoscaling_namespace]
        highly_available = layer.tier != "dev"
        connect(self, cluster)
        TimeProvider(self, "time")

        # On a cluster that exists already nothing of the cluster goes when this stack does.
        drivers = (
            PauseOnDestroy(self, "volumes-gone", controllers=cluster.ready, seconds=120).after if cluster.ready else ()
        )
        namespaces = Namespaces(
            self,
            "namespaces",
            names=names,
            labels=labels,
            protected=layer.protected,
            after=drivers,
        )
        storage_class, volumes_ready = self._data_volumes(services, labels, drivers)

        # Before the first pod: it would not be asked for its form, nor have its priority.
        policies = self._release(
            "policies",
            chart=OwnChart(name=security.POLICIES_CHART),
            namespace=ns.PORTAL,
            values=security.policy_values(namespaces=names, layer=layer, images=versions.images),
            after=namespaces.ready[ns.PORTAL],
        )
        monitored = self._release(
            "monitored-kinds",
            chart=ThirdPartyChart(name=monitoring.CRDS_CHART),
            namespace=ns.MONITORING,
            values=monitoring.crds_values(),
            after=namespaces.ready[ns.MONITORING],
        )
        certificates = self._release(
            "certificates",
            chart=ThirdPartyChart(name=security.CERTIFICATES_CHART),
            namespace=ns.CERTIFICATES,
            values=security.cert_manager_values(cluster=cluster, highly_available=highly_available),
            after=[*namespaces.ready[ns.CERTIFICATES], policies, monitored],
        )
        authority = self._release(
            "authority",
            chart=OwnChart(name=security.AUTHORITY_CHART),
            namespace=ns.CERTIFICATES,
            values=security.authority_values(),
            after=[*namespaces.ready[ns.CERTIFICATES], certificates],
        )
        secrets = self._release(
            "secrets",
            chart=ThirdPartyChart(name=security.SECRETS_CHART),
            namespace=ns.SECRETS,
            values=security.external_secrets_values(cluster=cluster, highly_available=highly_available),
            after=[*namespaces.ready[ns.SECRETS], policies, monitored],
        )
        # Its controller has to take its finalizers off what the next release made.
        generator = PauseOnDestroy(self, "credentials-gone", controllers=[secrets], seconds=30)
        credentials = self._release(
            "credentials",
            chart=OwnChart(name=security.CREDENTIALS_CHART),
            namespace=ns.PORTAL,
            values=security.credentials_values(layer=layer),
            # It makes Secrets in both namespaces.
            after=[*namespaces.ready[ns.PORTAL], *namespaces.ready[ns.MONITORING], *generator.after],
        )
        prometheus = self._release(
            "prometheus",
            chart=ThirdPartyChart(name=monitoring.CHART),
            namespace=ns.MONITORING,
            values=merged(
                monitoring.prometheus_values(
                    monitoring=layer.monitoring, cluster=cluster, storage_class=storage_class, protected=layer.protected
                ),
                observability.replaced_alerts(layer.monitoring),
            ),
            after=[
                *volumes_ready,
                # Its webhooks have a certificate of the authority, and Grafana a login from the credentials.
                authority,
                credentials,
                *(item for name in (ns.MONITORING, *node_agents) for item in namespaces.ready[name]),
            ],
            holds_data=True,
        )
        if observability.has_readers(layer.monitoring):
            self._release(
                "dashboards",
                chart=OwnChart(name=observability.DASHBOARDS_CHART),
                namespace=ns.MONITORING,
                values={},
                after=[*namespaces.ready[ns.MONITORING], prometheus],
            )
            self._release(
                "alerts",
                chart=OwnChart(name=observability.ALERTS_CHART),
                namespace=ns.MONITORING,
                values=observability.alerts_values(
                    monitoring=layer.monitoring,
                    cluster=cluster,
                    runbook_base_url=layer.monitoring.runbooks,
                    backups=services.database_backups is not None,
                    certificates=True,
                ),
                after=[*namespaces.ready[ns.MONITORING], prometheus],
            )
        database_operator = self._release(
            "database-operator",
            chart=ThirdPartyChart(name=postgres.OPERATOR_CHART),
            namespace=ns.DATABASE_OPERATOR,
            values=postgres.operator_values(cluster=cluster, highly_available=highly_available),
            # Its chart brings a PodMonitor, a kind that the Prometheus operator defines.
            after=[*namespaces.ready[ns.DATABASE_OPERATOR], prometheus],
        )
        store = services.database_backups
        database_backups = (
            [self._backup_plugin(cluster, namespaces, [database_operator, certificates])] if store else []
        )
        if services.node_autoscaler:
            self._release(
                "node-autoscaler",
                chart=ThirdPartyChart(name=autoscaling.NODES_CHART),
                namespace=ns.AUTOSCALING,
                values=autoscaling.node_values(
                    autoscaler=services.node_autoscaler,
                    cluster=cluster,
                    kubernetes_version=versions.kubernetes.version,
                    highly_available=highly_available,
                ),
                after=[*namespaces.ready[ns.AUTOSCALING], *services.node_autoscaler.ready, prometheus],
            )
        pod_autoscaler = (
            ()
            if cluster.vertical_autoscaler
            else (
                self._release(
                    "pod-autoscaler",
                    chart=ThirdPartyChart(name=autoscaling.PODS_CHART),
                    namespace=ns.AUTOSCALING,
                    values=autoscaling.pod_values(cluster=cluster, highly_available=highly_available),
                    after=[*namespaces.ready[ns.AUTOSCALING], prometheus],
                ),
            )
        )
        cache_operator = self._release(
            "cache-operator",
            chart=ThirdPartyChart(name=redis.OPERATOR_CHART),
            namespace=ns.CACHE_OPERATOR,
            values=redis.operator_values(cluster=cluster, highly_available=highly_available),
            after=[*namespaces.ready[ns.CACHE_OPERATOR], policies],
        )
        operators = PauseOnDestroy(
            self,
            "stores-gone",
            controllers=[prometheus, database_operator, *database_backups, cache_operator],
            seconds=120,
        )
        in_portal = [*operators.after, *volumes_ready, *namespaces.ready[ns.PORTAL]]
        database = self._release(
            "database",
            chart=OwnChart(name=postgres.CHART),
            namespace=ns.PORTAL,
            values=postgres.cluster_values(
                database=layer.data.portal_db,
                backup=layer.backup,
                store=store,
                image=versions.images["postgresql"],
                cluster=cluster,
                storage_class=storage_class,
            ),
            after=[*in_portal, *(store.ready if store else ())],
            holds_data=True,
        )
        cache = self._release(
            "cache",
            chart=OwnChart(name=redis.CHART),
            namespace=ns.PORTAL,
            values=redis.failover_values(
                cache=layer.data.portal_cache,
                images=versions.images,
                cluster=cluster,
                storage_class=storage_class,
                protected=layer.protected,
            ),
            after=[*in_portal, credentials],
            holds_data=True,
        )
        self._release(
            "portal",
            chart=OwnChart(name=portal.CHART),
            namespace=ns.PORTAL,
            values=portal.values(apps=layer.portal, poolers=layer.data.portal_db.poolers, cluster=cluster),
            after=[*in_portal, database, cache, *pod_autoscaler],
        )

    def _backup_plugin(
        self, cluster: Cluster, namespaces: Namespaces, after: Sequence[ITerraformDependable]
    ) -> ITerraformDependable:
        """Beside the operator, which finds it there; a database that names it before it runs waits for it."""
        return self._release(
            "database-backup-plugin",
            chart=ThirdPartyChart(name=postgres.PLUGIN_CHART),
            namespace=ns.DATABASE_OPERATOR,
            values=postgres.plugin_values(cluster=cluster),
            after=[*namespaces.ready[ns.DATABASE_OPERATOR], *after],
        )

    def _data_volumes(
        self,
        services: CloudServices,
        labels: Mapping[str, str],
        drivers: Sequence[ITerraformDependable],
    ) -> tuple[str | None, tuple[ITerraformDependable, ...]]:
        """The StorageClass of data volumes, None for the cluster's default, and what their users come after."""
        if not isinstance(services.volumes, VolumeClass):
            return services.volumes, ()
        volumes = DataVolumes(
            self, "fast-ssd", volumes=services.volumes, labels=labels, protected=self._layer.protected, after=drivers
        )
        return volumes.name, volumes.ready

    def _release(
        self,
        id: str,
        *,
        chart: ThirdPartyChart | OwnChart,
        namespace: str,
        values: Mapping[str, Any],
        after: Sequence[ITerraformDependable],
        holds_data: bool = False,
    ) -> ITerraformDependable:
        override = self._layer.charts.get(chart.name)
        return Release(
            self,
            id,
            chart=chart,
            namespace=namespace,
            values=merged(values, override.values) if override else values,
            charts=self._charts,
            after=after,
            holds_data=holds_data,
            protected=holds_data and self._layer.protected,
        ).installed

"""The Kubernetes layer, whole: the same on every cluster."""

from collections.abc import Mapping

from cdktf_cdktf_provider_time.provider import TimeProvider
from constructs import Construct

from portal.kubernetes import (
    autoscaling,
    backup,
    headroom,
    load_balancing,
    loadtest,
    managed,
    mesh,
    metrics_archive,
    monitoring,
    observability,
    portal,
    postgres,
    probes,
    redis,
    security,
    traffic,
)
from portal.kubernetes import namespaces as ns
from portal.kubernetes.connection import connect
from portal.kubernetes.contract import CloudServices, Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.namespaces import Namespaces
from portal.kubernetes.pause import PauseOnDestroy
from portal.kubernetes.storage import data_volumes, shared_files
from portal.kubernetes.traffic import Flow
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
        connect(self, cluster)
        TimeProvider(self, "time")

        # On a cluster that exists already nothing of the cluster goes when this stack does.
        drivers = (
            PauseOnDestroy(self, "volumes-gone", controllers=cluster.ready, seconds=180).after if cluster.ready else ()
        )
        namespaces = Namespaces(
            self,
            "namespaces",
            names=ns.needed(cluster, services, mesh=layer.mesh, load_test=layer.load_test is not None),
            flows=_flows(cluster, services, layer),
            # Elsewhere what costs money or has an address is Terraform's.
            balanced=[ns.INGRESS] if services.ingress and services.ingress.address else [],
            own_labels=_own_labels(services),
            labels=labels,
            protected=layer.protected,
            after=drivers,
        )
        storage_class, volumes_ready = data_volumes(
            self, services.volumes, labels=labels, protected=layer.protected, after=drivers
        )
        install = Installer(
            self,
            cluster=cluster,
            services=services,
            layer=layer,
            versions=versions,
            namespaces=namespaces,
            storage_class=storage_class,
            volumes_ready=volumes_ready,
            shared_files_ready=shared_files(self, services.shared_files, labels=labels, after=drivers),
        )

        policies = security.install_policies(install)
        monitored = monitoring.install_kinds(install)
        certificates = security.install_certificates(install, after=[policies, monitored])
        credentials = security.install_secrets(install, after=[policies, monitored])

        # From here on charts bring monitors, which the Prometheus operator's webhook has to admit.
        prometheus = monitoring.install_prometheus(install, after=[certificates, credentials])
        metrics_archive.install_archive(install, after=[prometheus])
        probes.install_probes(install, after=[prometheus])
        cluster_backups = backup.install_backup(install, after=[policies, monitored])
        observability.install_dashboards_and_alerts(install, cluster_backups=cluster_backups, after=[prometheus])
        autoscaling.install_node_autoscaler(install, after=[prometheus])
        pod_autoscaler = autoscaling.install_pod_autoscaler(install, after=[prometheus])
        database_operator = postgres.install_operator(install, certificates=certificates, after=[prometheus])
        # Members start in the mesh, and leave before it does.
        joined = load_balancing.install_target_controller(install, after=[policies, monitored, certificates])
        members = mesh.install_mesh(install, certificates=certificates, after=[policies, prometheus, *joined])
        cache_operator = redis.install_operator(install, after=[policies, *members])

        operators = install.pause_on_destroy(
            "stores-gone", controllers=[prometheus, *database_operator, cache_operator], seconds=120
        )
        database = postgres.install_database(install, after=operators)
        cache = redis.install_cache(install, after=[*operators, credentials])
        headroom.install_headroom(install, after=[policies])
        managed_stores = managed.install_managed_stores(install, after=[credentials])
        running = portal.install_portal(
            install, after=[*operators, *database, *cache, *managed_stores, *pod_autoscaler]
        )
        logged = loadtest.install_log_settings(self, install)
        loadtest.install_load_test(install, after=[running, prometheus, credentials, *logged])


def _own_labels(services: CloudServices) -> dict[str, Mapping[str, str]]:
    """What the cloud looks for on a namespace."""
    return {
        **({ns.INGRESS: services.ingress.namespace_labels} if services.ingress else {}),
        **({ns.FARGATE_LOGS: {ns.FARGATE_LOGS: "enabled"}} if services.load_generators else {}),
    }


def _flows(cluster: Cluster, services: CloudServices, layer: KubernetesLayer) -> dict[str, tuple[Flow, ...]]:
    """What pods of a namespace may do in this environment, beyond what they may everywhere."""
    identity = tuple(traffic.identity(cluster.identity_endpoints))
    flows = dict.fromkeys(ns.logging_in(services), identity)
    if layer.mesh:
        flows |= mesh.flows(cluster, services)
    return flows

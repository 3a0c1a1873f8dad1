"""The Kubernetes layer alone, on a cluster that exists already."""

from constructs import Construct

from portal import backends
from portal.kubernetes.contract import CloudServices, Cluster, KubeconfigAccess
from portal.kubernetes.platform import Platform
from portal.spec.environment import LocalEnvironment
from portal.spec.versions import Versions
from portal.stacks.base import PortalStack
from portal.tagging import tags


class LocalStack(PortalStack):
    """The platform on whatever cluster a kubeconfig context names; nothing of a cloud is in it."""

    def __init__(self, scope: Construct, id: str, *, environment: LocalEnvironment, versions: Versions) -> None:
        super().__init__(scope, id)
        backends.local(self, name=id)
        target = environment.cluster
        Platform(
            self,
            "platform",
            cluster=Cluster(
                name=target.context,
                access=KubeconfigAccess(path=target.kubeconfig, context=target.context),
                ready=(),
                node_pools=False,
                vertical_autoscaler=False,
                node_agents=True,
            ),
            services=CloudServices(
                volumes=target.storage_class,
                database_backups=None,
                cluster_backups=None,
                node_autoscaler=None,
                secret_store=None,
                metrics_store=None,
                ingress=None,
                target_controller=None,
            ),
            layer=environment,
            versions=versions,
            labels=tags(stack=id, layer=environment),
        )

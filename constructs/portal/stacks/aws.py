"""One tier on AWS, whole: the table of contents of such an environment."""

from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderDefaultTags
from constructs import Construct

from portal import backends
from portal.aws import monitoring, storage
from portal.aws.artifacts import Artifacts
from portal.aws.backups import Backups
from portal.aws.boundary import bound
from portal.aws.certificates import EDGE_REGION
from portal.aws.cluster import Cluster
from portal.aws.edge import Edge
from portal.aws.endpoints import Endpoints
from portal.aws.files import SharedFiles
from portal.aws.functions import Functions
from portal.aws.keys import Keys
from portal.aws.load_balancer import LoadBalancer, TargetController
from portal.aws.load_generators import LoadGenerators
from portal.aws.monitoring import Alarms
from portal.aws.network import Network
from portal.aws.ops_host import OpsHost
from portal.aws.scaling import NodeAutoscaler
from portal.aws.secrets import SecretReader
from portal.aws.storage import LogBucket
from portal.aws.stores import ManagedStores
from portal.kubernetes import autoscaling, load_balancing, metrics_archive, portal, security
from portal.kubernetes.contract import CloudServices
from portal.kubernetes.platform import Platform
from portal.naming import Naming
from portal.spec.environment import Environment
from portal.spec.versions import Versions
from portal.stacks.base import PortalStack
from portal.tagging import tags


class AwsEnvironment(PortalStack):
    """An environment on AWS. Depends on no other stack."""

    def __init__(self, scope: Construct, id: str, *, environment: Environment, versions: Versions) -> None:
        super().__init__(scope, id)
        cloud = environment.clouds.aws
        naming = Naming(scope=environment.tier, owner=cloud.account)
        labels = tags(stack=id, layer=environment)
        backends.s3(self, name=id, cloud=cloud)
        AwsProvider(
            self,
            "aws",
            region=cloud.region,
            allowed_account_ids=[cloud.account],
            default_tags=[AwsProviderDefaultTags(tags=labels)],
        )

        keys = Keys(
            self,
            "keys",
            naming=naming,
            account=cloud.account,
            region=cloud.region,
            second_region=cloud.data.second_region,
            edge_region=EDGE_REGION if cloud.edge else None,
            protected=environment.protected,
        )
        network = Network(
            self,
            "network",
            naming=naming,
            cloud=cloud,
            logs_key=keys.logs,
            log_retention_days=cloud.cluster.log_retention_days,
            protected=environment.protected,
        )
        endpoints = Endpoints(self, "endpoints", naming=naming, network=network, cloud=cloud)
        cluster = Cluster(
            self,
            "cluster",
            naming=naming,
            network=network,
            endpoints=endpoints,
            keys=keys,
            cloud=cloud,
            groups=environment.nodes,
            versions=versions,
            tags=labels,
            protected=environment.protected,
        )
        node_autoscaler = NodeAutoscaler(
            self,
            "node-autoscaler",
            naming=naming,
            region=cloud.region,
            cluster_name=cluster.contract.name,
            user=autoscaling.SERVICE_ACCOUNT,
        )
        functions = Functions(
            self,
            "functions",
            naming=naming,
            network=network,
            keys=keys,
            cloud=cloud,
            runtime=versions.aws_services.functions,
        )
        log = (
            LogBucket(
                self,
                "access-logs",
                naming=naming,
                account=cloud.account,
                kept_days=cloud.cluster.log_retention_days,
                protected=environment.protected,
            )
            if environment.backup.made or environment.monitoring.archive_days
            else None
        )
        artifacts = Artifacts(
            self,
            "artifacts",
            naming=naming,
            region=cloud.region,
            key=keys.data,
            log=log,
            protected=environment.protected,
        )
        stores = ManagedStores(
            self,
            "stores",
            naming=naming,
            network=network,
            members_group_id=cluster.members_group_id,
            cluster_name=cluster.contract.name,
            keys=keys,
            functions=functions,
            environment=environment,
            versions=versions.aws_services,
            user=portal.BACKEND_ACCOUNT,
            statements=artifacts.statements,
        )
        files = SharedFiles(
            self,
            "files",
            naming=naming,
            network=network,
            members_group_id=cluster.members_group_id,
            cloud=cloud,
            key=keys.data,
            backed_up=environment.backup.made,
            protected=environment.protected,
        )
        backups = (
            Backups(
                self,
                "backups",
                naming=naming,
                environment=environment,
                cluster_name=cluster.contract.name,
                keys=keys,
                functions=functions,
                stores=stores,
                log=log,
            )
            if environment.backup.made
            else None
        )
        metrics_store = None
        if environment.monitoring.archive_days:
            metrics_store = storage.metrics(
                storage.PodBucket(
                    self,
                    "metrics",
                    purpose="metrics",
                    naming=naming,
                    account=cloud.account,
                    cluster_name=cluster.contract.name,
                    user=metrics_archive.SERVICE_ACCOUNT,
                    log=log,
                    protected=environment.protected,
                ),
                region=cloud.region,
            )
        secret_reader = SecretReader(
            self,
            "secret-reader",
            naming=naming,
            account=cloud.account,
            region=cloud.region,
            cluster_name=cluster.contract.name,
            user=security.SECRETS_SERVICE_ACCOUNT,
            others=stores.secrets,
        )
        balancer, target_controller, load_generators = None, None, None
        if environment.mesh:
            balancer = LoadBalancer(
                self,
                "load-balancer",
                naming=naming,
                network=network,
                cluster=cluster,
                cloud=cloud,
                domain=environment.portal.domain,
                log=log,
                behind_edge=cloud.edge is not None,
                protected=environment.protected,
            )
            target_controller = TargetController(
                self,
                "target-controller",
                naming=naming,
                network=network,
                cluster_name=cluster.contract.name,
                region=cloud.region,
                target_group_arn=balancer.target_group_arn,
                user=load_balancing.SERVICE_ACCOUNT,
            ).contract
            if cloud.edge and keys.edge:
                Edge(
                    self,
                    "edge",
                    naming=naming,
                    cloud=cloud,
                    spec=cloud.edge,
                    domain=environment.portal.domain,
                    network=network,
                    balancer=balancer,
                    keys=keys,
                    key=keys.edge,
                )
            if cloud.load_generators == "fargate":
                load_generators = LoadGenerators(
                    self,
                    "load-generators",
                    naming=naming,
                    network=network,
                    endpoints=endpoints,
                    cluster=cluster,
                    balancer=balancer,
                    keys=keys,
                    cloud=cloud,
                    domain=environment.portal.domain,
                ).contract
        if cloud.ops_host:
            OpsHost(
                self,
                "ops-host",
                naming=naming,
                network=network,
                cluster_group_id=cluster.security_group_id,
                keys=keys,
                functions=functions,
                spec=cloud.ops_host,
            )
        Alarms(
            self,
            "alarms",
            naming=naming,
            account=cloud.account,
            key=keys.messages,
            emails=cloud.alarm_emails,
            alarms=[
                *(monitoring.of_nat(id, gateway_id) for id, gateway_id in network.nat_ids.items()),
                *stores.alarms,
                *(backups.alarms if backups else ()),
                *functions.alarms,
                *(balancer.alarms if balancer else ()),
            ],
        )
        Platform(
            self,
            "platform",
            cluster=cluster.contract,
            services=CloudServices(
                volumes=cluster.volumes,
                database_backups=backups.of_database if backups else None,
                cluster_backups=backups.of_cluster if backups else None,
                node_autoscaler=node_autoscaler.contract,
                secret_store=secret_reader.store,
                metrics_store=metrics_store,
                ingress=balancer.ingress if balancer else None,
                target_controller=target_controller,
                databases=stores.database_contracts,
                caches=stores.cache_contracts,
                portal_login=stores.login,
                shared_files=files.contract,
                artifacts=artifacts.contract,
                load_generators=load_generators,
            ),
            layer=environment,
            versions=versions,
            labels=labels,
        )
        bound(self, account=cloud.account)

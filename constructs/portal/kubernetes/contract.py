"""What the Kubernetes layer knows of the cluster it runs on: two values that each cloud builds.

Nothing in this package asks which cloud it is on; what differs is a field here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cdktf import ITerraformDependable

from portal.spec.clouds import RESERVED, WORKLOAD_TYPES, NodeGroupName
from portal.spec.workloads import CACHES, CacheName, DatabaseName


@dataclass(frozen=True, kw_only=True)
class ExecAuth:
    """A command that prints a short-lived token, so that no credential is stored anywhere.

    `api_version`: of the answer. Clients refuse one that differs from what they were told to expect.

    Source: Kubernetes, "Authenticating", client-go credential plugins.
    """

    command: str
    args: tuple[str, ...]
    api_version: Literal["v1", "v1beta1"] = "v1"


@dataclass(frozen=True, kw_only=True)
class ManagedAccess:
    """Access to a cluster that this stack makes. `ca` is base64 PEM; None: the endpoint has a public certificate."""

    host: str
    ca: str | None
    auth: ExecAuth


@dataclass(frozen=True, kw_only=True)
class KubeconfigAccess:
    """Access to a cluster that exists already."""

    path: str
    context: str


ISTIO_HUB = "registry.istio.io/release"
"""Where Istio publishes its images."""


@dataclass(frozen=True, kw_only=True)
class ProvidedMesh:
    """A service mesh whose control plane the cloud runs, interception of traffic included.

    `proxy_registry`: where the images of its proxies come from. `control_plane`: CIDR and port where proxies reach it.
    `ready`: the mesh works.
    """

    proxy_registry: str
    control_plane: tuple[str, int]
    ready: tuple[ITerraformDependable, ...]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Kubernetes cluster, as its users see it.

    `ready`: what has to exist before the first object goes in and until the last one is gone: nodes, rights, egress,
    storage and network drivers. `node_pools`: nodes carry the label workload-type of the guide's groups.
    `vertical_autoscaler`: the VerticalPodAutoscaler is built in. `node_agents`: pods may use the host's network,
    processes and paths. `identity_endpoints`: CIDR and port where pods fetch their identity, beside what port 443
    reaches. `provided_mesh`: the cloud runs the mesh; None: its charts are installed.
    """

    name: str
    access: ManagedAccess | KubeconfigAccess
    ready: tuple[ITerraformDependable, ...]
    node_pools: bool
    vertical_autoscaler: bool
    node_agents: bool
    identity_endpoints: tuple[tuple[str, int], ...] = ()
    provided_mesh: ProvidedMesh | None = None

    @property
    def proxy_registry(self) -> str:
        """Where the images of the mesh's proxies come from."""
        return self.provided_mesh.proxy_registry if self.provided_mesh else ISTIO_HUB

    def nodes(self, group: NodeGroupName) -> dict[str, str]:
        """Node selector of one of the guide's groups; empty where nodes carry no such label."""
        return {"workload-type": WORKLOAD_TYPES[group]} if self.node_pools else {}

    def tolerations(self, group: NodeGroupName) -> list[dict[str, str]]:
        """What a pod tolerates to run on one of the guide's groups; nothing where nobody is kept away from it."""
        if group not in RESERVED:
            return []
        return [{"key": key, "value": value, "effect": "NoSchedule"} for key, value in self.nodes(group).items()]


@dataclass(frozen=True, kw_only=True)
class VolumeClass:
    """How the cloud makes a fast volume: a StorageClass's provisioner and parameters.

    `snapshot_parameters`: of a VolumeSnapshotClass of the same driver; None where no snapshot controller runs.
    """

    provisioner: str
    parameters: Mapping[str, str]
    snapshot_parameters: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """A Kubernetes service account, to which a cloud gives rights by its name."""

    namespace: str
    name: str


KEPT_AFTER_DELETION_DAYS = 14
"""How long a deleted or overwritten object of a backup store can be brought back: two weeks to notice."""


@dataclass(frozen=True, kw_only=True)
class CloudLogin:
    """What gives the pods of one service account their rights in the cloud, without any stored credential.

    The annotations and labels are what the cloud wants to see on the service account and on its pods. `ready`: the
    rights.
    """

    ready: tuple[ITerraformDependable, ...]
    service_account_annotations: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BackupStore:
    """A place in an object store where the database's backups go.

    `destination`: its address, ending in a slash. `credentials`: how barman logs in there (ObjectStore,
    `spec.configuration`).
    """

    destination: str
    credentials: Mapping[str, Any]
    login: CloudLogin


@dataclass(frozen=True, kw_only=True)
class ClusterBackupStore:
    """A bucket or container where Velero puts the cluster's objects.

    `provider`: Velero's name of the cloud. `plugin`: the image of its plugin, by its name in `versions.yaml`.
    `config`: of the BackupStorageLocation.
    """

    provider: str
    plugin: str
    bucket: str
    config: Mapping[str, str]
    login: CloudLogin


@dataclass(frozen=True, kw_only=True)
class MetricsStore:
    """A bucket or container where Prometheus's metrics go to stay.

    `objects`: Thanos's object store configuration, `type` and `config`.
    """

    objects: Mapping[str, Any]
    login: CloudLogin


@dataclass(frozen=True, kw_only=True)
class SecretStore:
    """The cloud's store of secrets, from which external-secrets reads those of this environment.

    `provider`: of a ClusterSecretStore (`spec.provider`). `prefix`: what the names of this environment's secrets begin
    with; others it may not read.
    """

    provider: Mapping[str, Any]
    prefix: str
    login: CloudLogin


@dataclass(frozen=True, kw_only=True)
class ManagedDatabase:
    """A PostgreSQL database outside the cluster, into which applications log in by their cloud identity.

    `login`: what Backstage's `backend.database.connection` says beside host, port, database and user. `authority`: PEM
    of who signs the server's certificate. `cidrs`: where the server is. `administrator`: name or ARN, in the secret
    store, of the administrator's `username` and `password`. `grants`: roles that let `user` log in that way. `ready`:
    what makes that password valid.
    """

    host: str
    port: int
    database: str
    user: str
    login: Mapping[str, Any]
    authority: str
    cidrs: tuple[str, ...]
    administrator: str
    grants: tuple[str, ...]
    ready: tuple[ITerraformDependable, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ManagedCache:
    """A cache outside the cluster, in Redis Cluster's protocol over TLS.

    `secret`: name, in the secret store, of the user's `password`. `cidrs`: where the nodes are. `ready`: what makes
    that password valid.
    """

    host: str
    port: int
    user: str
    secret: str
    cidrs: tuple[str, ...]
    ready: tuple[ITerraformDependable, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SharedFiles:
    """A folder that pods on every node read and write at the same time.

    `parameters`: of a StorageClass of `driver`. `handle`: of the volume that the portal mounts. `ready`: ways to it.
    """

    driver: str
    parameters: Mapping[str, str]
    mount_options: tuple[str, ...]
    handle: str
    ready: tuple[ITerraformDependable, ...]


@dataclass(frozen=True, kw_only=True)
class ArtifactStore:
    """A bucket that the backend reads and writes by its identity. `ready`: what makes it so."""

    bucket: str
    region: str
    ready: tuple[ITerraformDependable, ...]


@dataclass(frozen=True, kw_only=True)
class NodeAutoscaler:
    """What the cluster autoscaler needs to know of a cloud that does not scale nodes by itself.

    `cloud_provider`: its name there. `ready`: the rights of its service account.
    """

    cloud_provider: str
    cluster_name: str
    region: str
    ready: tuple[ITerraformDependable, ...]


@dataclass(frozen=True, kw_only=True)
class Ingress:
    """How the cloud's load balancer reaches the gateway's pods. It terminates TLS and speaks TLS to them again.

    `service_annotations`, `address`: of the gateway's Service; with an address it is an internal load balancer, else
    the pods themselves are targets. `target_group`: ARN of the group that pods join on AWS. `client_cidrs`: where
    requests and health checks come from. `trusted_proxies`: how many proxies stand before the gateway and add to
    X-Forwarded-For, so that the address before theirs is the client's. `namespace_labels`: what the gateway's namespace
    has to carry. `ready`: what joins the pods.
    """

    client_cidrs: tuple[str, ...]
    trusted_proxies: int
    service_annotations: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    target_group: str | None = None
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ready: tuple[ITerraformDependable, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LoadGenerators:
    """Machines of the load test's own, which are no nodes of ours: no network policy holds there, and no agent runs.

    `security_group`: of its pods, which holds instead. `log_settings`: by file, where such a pod's output goes.
    `ready`: what takes the pods.
    """

    security_group: str
    log_settings: Mapping[str, str]
    ready: tuple[ITerraformDependable, ...]


@dataclass(frozen=True, kw_only=True)
class TargetController:
    """What the controller that joins pods to a load balancer has to know. `ready`: the rights of its account."""

    cluster_name: str
    region: str
    network_id: str
    ready: tuple[ITerraformDependable, ...]


@dataclass(frozen=True, kw_only=True)
class CloudServices:
    """What the cloud around the cluster offers to it.

    `volumes`: the class to make for data volumes; a str names a StorageClass that exists, None takes the default one.
    `database_backups`, `cluster_backups`: None where the tier keeps no backups. `node_autoscaler`: None where nodes
    scale by themselves. `secret_store`: None where there is no cloud. `metrics_store`: None where metrics do not stay.
    `ingress`: None where no load balancer stands before the cluster: the gateway is then reached from inside alone.
    `target_controller`: None where the cloud joins pods by itself.
    `databases`, `caches`: the stores that are outside the cluster; all others are inside. `portal_login`: the backend's
    rights, where a store wants its identity. `shared_files`: None where every replica of the backend keeps its own.
    `artifacts`: None where the portal's plugins have no object store. `load_generators`: None where the load test runs
    on the nodes.
    """

    volumes: VolumeClass | str | None
    database_backups: BackupStore | None
    cluster_backups: ClusterBackupStore | None
    node_autoscaler: NodeAutoscaler | None
    secret_store: SecretStore | None
    metrics_store: MetricsStore | None
    ingress: Ingress | None
    target_controller: TargetController | None
    databases: Mapping[DatabaseName, ManagedDatabase] = field(default_factory=dict)
    caches: Mapping[CacheName, ManagedCache] = field(default_factory=dict)
    portal_login: CloudLogin | None = None
    shared_files: SharedFiles | None = None
    artifacts: ArtifactStore | None = None
    load_generators: LoadGenerators | None = None

    @property
    def cache_inside(self) -> bool:
        """Whether any cache is inside the cluster."""
        return bool(set(CACHES) - set(self.caches))

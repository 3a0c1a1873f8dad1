"""What runs in the cluster and how big it is: the guide's environment matrix, as types."""

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field

from portal.spec.types import (
    CpuQuantity,
    Digest,
    DomainName,
    MemoryQuantity,
    Moment,
    Name,
    Names,
    Repository,
    Several,
    Spec,
    Words,
)


class Image(Spec):
    """A container image by content, never by tag."""

    repository: Repository
    digest: Digest
    example: bool = Field(
        default=False, description="The digest is made up for documentation; a preflight refuses to deploy it."
    )

    @property
    def reference(self) -> str:
        """`repository@digest`, as a container runtime takes it."""
        return f"{self.repository}@{self.digest}"


class Replicas(Spec):
    """How many pods: a fixed number where both are equal, else a HorizontalPodAutoscaler moves between them."""

    min: int = Field(ge=1, le=1000)
    max: int = Field(ge=1, le=1000)

    @property
    def autoscaled(self) -> bool:
        return self.max > self.min


class Resources(Spec):
    """CPU and memory of one container."""

    cpu: CpuQuantity
    memory: MemoryQuantity


class Workload(Spec):
    """One of the portal's own applications."""

    image: Image
    replicas: Replicas
    resources: Resources


class GuestSignIn(Spec):
    """Everybody is the same guest: for development."""

    provider: Literal["guest"]


class OidcSignIn(Spec):
    """People sign in at an OpenID Connect provider."""

    provider: Literal["oidc"]
    issuer: str = Field(
        pattern=r"^https://[^\s\"{}?#]+[^/\s\"{}?#]$",
        description="Address of the provider; its metadata is below, at /.well-known/openid-configuration.",
        examples=["https://login.example.com/realms/company"],
    )
    client_id: str = Field(pattern=r"^[A-Za-z0-9_.:@/-]+$", examples=["portal"])
    secret: Name = Field(description="The one of portal.secrets that holds the client's secret, as `client-secret`.")


class PortalApps(Spec):
    """The portal's two applications and the name under which people reach them."""

    domain: DomainName
    secrets: Names = Field(
        default=(),
        description="Secrets that the backend gets from the cloud's store, there named `portal-<tier>-<name>`.",
    )
    sign_in: Annotated[GuestSignIn | OidcSignIn, Field(discriminator="provider")]
    api_tokens: Names = Field(
        default=(),
        description="Programs that call the API; each has a token, made in the cluster as Secret `api-token-<name>`.",
    )
    frontend: Workload
    backend: Workload


class Recovery(Spec):
    """From which backup a database starts. Read only when the database is made: it stays for the record."""

    archive: Name = Field(description="Folder of the lost database in the backup store.")
    target_time: Moment | None = Field(
        default=None,
        description="The moment to go back to (RFC 3339), quoted; null: the newest that the archive holds.",
    )


Placement = Literal["cluster", "managed"]
"""Where a store runs: by an operator inside the Kubernetes cluster, or as a service of the cloud."""

DatabaseName = Literal["portal-db", "backstage-db"]
CacheName = Literal["portal-cache", "backstage-cache"]
StoreName = Literal[DatabaseName, CacheName]

DATABASES: tuple[DatabaseName, ...] = get_args(DatabaseName)
CACHES: tuple[CacheName, ...] = get_args(CacheName)


class Store(Spec):
    """A store that inside the cluster shares the server of the portal's own: it only says where it runs."""

    placement: Placement


class Database(Spec):
    """A PostgreSQL store. `cluster` placement: CloudNativePG inside the Kubernetes cluster, of this size."""

    placement: Placement
    instances: Literal[1, 3] = Field(description="1: a single instance. 3: a primary and two replicas, one a zone.")
    storage_gib: int = Field(ge=10, le=16384)
    wal_storage_gib: int = Field(ge=5, le=1024)
    poolers: int = Field(
        ge=0, le=10, description="PgBouncer pods in front of the primary; 0: clients connect directly."
    )
    archive: Name = Field(description="Folder of this database in the backup store; a restored one needs a new one.")
    recovery: Recovery | None = Field(default=None, description="Start from a backup; null: start empty.")
    requests: Resources
    limits: Resources


class Cache(Spec):
    """A Redis store with Sentinel. `cluster` placement: the Redis operator inside the Kubernetes cluster, of this
    size."""

    placement: Placement
    replicas: Literal[1, 3]
    sentinels: Literal[1, 3]
    storage_gib: int = Field(ge=1, le=1024)
    requests: Resources
    limits: Resources


class ManagedDatabases(Spec):
    """Size of each database that is a service of the cloud."""

    storage_gib: int = Field(ge=20, le=16384, description="At first; it grows by itself up to four times of it.")
    highly_available: bool = Field(description="A standby in another zone takes over within minutes.")
    readers: int = Field(ge=0, le=5, description="Replicas that answer reads.")
    insights: Literal["standard", "advanced"] = Field(description="Statistics of queries, kept 7 or 465 days.")


class ManagedCaches(Spec):
    """Size of each cache that is a service of the cloud, in cluster mode."""

    shards: int = Field(ge=1, le=90)
    replicas: int = Field(ge=0, le=5, description="Of each shard.")


class ManagedStores(Spec):
    """Sizes of what runs as a service of the cloud; the cloud's own block names the machines."""

    databases: ManagedDatabases
    caches: ManagedCaches


class DataStores(Spec):
    """Where the portal and Backstage keep their data.

    Inside the cluster Backstage's database is one of the portal's server, and its cache the portal's.
    """

    portal_db: Database = Field(alias="portal-db")
    backstage_db: Store = Field(alias="backstage-db")
    portal_cache: Cache = Field(alias="portal-cache")
    backstage_cache: Store = Field(alias="backstage-cache")

    def placement(self, store: StoreName) -> Placement:
        """Where `store` runs, unless a cloud says otherwise."""
        placement: Placement = getattr(self, store.replace("-", "_")).placement
        return placement


class LoadStep(Spec):
    """A rate, and the replicas that it must bring."""

    replicas: int = Field(ge=0)
    rate_rps: float = Field(ge=0)
    hold_seconds: float = Field(gt=0)


class Calibration(Spec):
    """What an arrival costs the frontend's pods: measured as the test begins (`rate_rps`), or by an earlier run
    (`config_map`). The steps are worked out from it."""

    rate_rps: float | None = Field(
        default=None, gt=0, description="Arrivals a second at which it is measured; few enough that nothing scales."
    )
    config_map: Name | None = Field(
        default=None, description="In namespace loadtest, with the report.json of the run that measured it."
    )
    climb: Several[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, description="Replicas of the steps up; null: about doubling, to the frontend's maximum."
    )
    hold_seconds: float | None = Field(
        default=None, gt=0, description="Of each step, beyond what its rules need; null: until it is due, and 60 s."
    )


class LoadTest(Spec):
    """A load test that runs in the cluster, once for each change of these values."""

    image: Image
    workers: int = Field(ge=1, le=100, description="Pods that send; each is one process, and uses a core at most.")
    resources: Resources
    steps: Several[LoadStep] | None = Field(
        default=None, description="Load that the frontend's autoscaler must follow."
    )
    calibration: Calibration | None = Field(
        default=None, description="In place of steps; where both are null, the autoscaler is not watched."
    )
    arguments: Words = Field(default=(), description="Further arguments of Locust, such as --profile and its name.")
    production: bool = Field(
        default=True, description="Then it sends nothing, unless arguments have --yes-load-production."
    )
    keep_report_seconds: int = Field(
        default=0,
        ge=0,
        le=86400,
        description="How long it stays after its verdict, so that the report can be taken.",
    )


class Headroom(Spec):
    """Room that is held on the nodes, so that a scale-up need not wait for a machine. It costs what it requests."""

    pods: int = Field(ge=1, le=50, description="So many pods of that size start at once.")
    resources: Resources


class Receiver(Spec):
    """Who is told of alerts: a service at a secret address (`url`), or one that knows us by a key (`key`)."""

    type: Literal["webhook", "slack", "pagerduty"]
    secret: Name = Field(
        description="What the cloud's store holds as `portal-<tier>-<name>`: `url`, or `key` for pagerduty."
    )


class Monitoring(Spec):
    """The guide's monitoring levels: `basic`, `full` (alerts, Grafana), `enterprise` (highly available)."""

    level: Literal["basic", "full", "enterprise"]
    retention_days: int = Field(ge=1, le=400)
    storage_gib: int = Field(ge=5, le=4096)
    archive_days: int = Field(
        default=0, ge=0, le=3650, description="How long metrics stay in the cloud's object store; 0: they do not."
    )
    receiver: Receiver | None = Field(default=None, description="Who is told of alerts; null: nobody.")
    runbooks: str = Field(
        pattern=r"^https://[^\s\"{}]+[^/\s\"{}]$",
        examples=["https://git.example.com/portal/blob/main/docs/runbooks"],
        description="Address of docs/runbooks as people reach it, without a slash at its end; alerts link there.",
    )


NIGHTLY_MAX_AGE_HOURS: Final = 26
"""Of a backup that is made each night: a day, and two hours for the newest to be made."""


class Backup(Spec):
    """The guide's backup levels, and how long a backup is kept."""

    level: Literal["none", "daily", "continuous"]
    retention_days: int = Field(ge=0, le=3650)

    @property
    def made(self) -> bool:
        """Whether there are backups at all."""
        return self.level != "none"


ChartName = Literal[
    "alerts",
    "aws-load-balancer-controller",
    "base",
    "cert-manager",
    "cloudnative-pg",
    "cluster-autoscaler",
    "cluster-policies",
    "cni",
    "credentials",
    "dashboards",
    "external-secrets",
    "gateway",
    "headroom",
    "internal-ca",
    "istiod",
    "kube-prometheus-stack",
    "loadtest",
    "managed-stores",
    "metrics-archive",
    "mesh",
    "plugin-barman-cloud",
    "portal",
    "postgres-cluster",
    "prometheus-blackbox-exporter",
    "prometheus-operator-crds",
    "redis-failover",
    "redis-operator",
    "velero",
    "vpa",
]
"""The charts that environments install, each as one release of the same name."""


class ChartOverride(Spec):
    """Values merged last over what the platform passes to a chart; for an exception that has a reason."""

    reason: str = Field(min_length=10)
    values: dict[str, Any]

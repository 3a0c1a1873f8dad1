"""What holds of the Kubernetes layer on every cloud and on a local cluster."""

from collections.abc import Iterator

from portal.spec.environment import KubernetesLayer, LocalEnvironment
from portal.spec.problems import Path, Problem, min_above_max
from portal.spec.workloads import CACHES, DATABASES

MINIMUM_RETENTION_DAYS = {"none": 0, "daily": 7, "continuous": 30}
"""What each backup level promises (guide, "Backup Strategy": 30 days in production)."""

MINIMUM_ARCHIVE_DAYS = 90
"""A quarter: what a level that promises long-term storage has to keep at least."""


def replicas_have_room(layer: KubernetesLayer) -> Iterator[Problem]:
    for name in ("frontend", "backend"):
        replicas = getattr(layer.portal, name).replicas
        if replicas.min > replicas.max:
            yield min_above_max(("portal", name, "replicas", "min"), replicas.min, replicas.max)


def a_load_test_knows_its_steps(layer: KubernetesLayer) -> Iterator[Problem]:
    """They are given, or worked out of what one arrival costs; an autoscaler has to be there to follow them."""
    test, replicas = layer.load_test, layer.portal.frontend.replicas
    if not test or not (test.steps or test.calibration):
        return
    path: Path = ("load_test", "calibration" if test.calibration else "steps")
    if not replicas.autoscaled:
        rule = "must be left out: portal.frontend.replicas has the same min and max, so there is no autoscaler to watch"
        yield Problem(path=path, value=None, rule=rule, show_value=False)
    if not (calibration := test.calibration):
        return
    if test.steps:
        rule = "stands beside load_test.steps, which it would work out; keep one of the two"
        yield Problem(path=path, value=None, rule=rule, show_value=False)
    if (calibration.rate_rps is None) == (calibration.config_map is None):
        rule = (
            "must have one of rate_rps (measured as the test begins) and config_map (of an earlier run), and not both"
        )
        yield Problem(path=path, value=None, rule=rule, show_value=False)
    for index, count in enumerate(calibration.climb or ()):
        if replicas.autoscaled and not replicas.min < count <= replicas.max:
            rule = f"must be above portal.frontend.replicas.min ({replicas.min}) and not above its max ({replicas.max})"
            yield Problem(path=(*path, "climb", index), value=count, rule=rule)


def backup_keeps_what_its_level_promises(layer: KubernetesLayer) -> Iterator[Problem]:
    level, days = layer.backup.level, layer.backup.retention_days
    path = ("backup", "retention_days")
    if level == "none" and days != 0:
        yield Problem(path=path, value=days, rule="must be 0 with backup.level none: there is nothing to keep")
    elif days < MINIMUM_RETENTION_DAYS[level]:
        rule = f"must be at least {MINIMUM_RETENTION_DAYS[level]} with backup.level {level}"
        yield Problem(path=path, value=days, rule=rule)


def sentinels_watch_replicas(layer: KubernetesLayer) -> Iterator[Problem]:
    cache = layer.data.portal_cache
    if cache.sentinels != cache.replicas:
        yield Problem(
            path=("data", "portal-cache", "sentinels"),
            value=cache.sentinels,
            rule=f"must equal replicas ({cache.replicas}): one sentinel beside each Redis, so that a majority survives",
        )


def a_recovered_database_archives_anew(layer: KubernetesLayer) -> Iterator[Problem]:
    database = layer.data.portal_db
    recovery = database.recovery
    if recovery is None:
        return
    path: Path = ("data", "portal-db", "recovery")
    if not layer.backup.made:
        yield Problem(path=path, value=recovery.archive, rule="needs a backup store, and backup.level none has none")
    if recovery.archive == database.archive:
        yield Problem(
            path=("data", "portal-db", "archive"),
            value=database.archive,
            rule="must differ from recovery.archive: a restored database may not write into the archive it came from",
        )


def poolers_survive_a_node(layer: KubernetesLayer) -> Iterator[Problem]:
    poolers = layer.data.portal_db.poolers
    if poolers == 1:
        rule = "must be 0, or at least 2: a single pooler is a point of failure in front of the database"
        yield Problem(path=("data", "portal-db", "poolers"), value=poolers, rule=rule)


def metrics_stay_where_the_level_says_so(layer: KubernetesLayer) -> Iterator[Problem]:
    days, level = layer.monitoring.archive_days, layer.monitoring.level
    path = ("monitoring", "archive_days")
    if isinstance(layer, LocalEnvironment) or level != "enterprise":
        if days:
            where = "on a local cluster" if isinstance(layer, LocalEnvironment) else f"with monitoring.level {level}"
            yield Problem(path=path, value=days, rule=f"must be 0 {where}: there is no object store for metrics")
    elif days < MINIMUM_ARCHIVE_DAYS:
        rule = f"must be at least {MINIMUM_ARCHIVE_DAYS} with monitoring.level enterprise"
        yield Problem(path=path, value=days, rule=rule)


def alerts_reach_somebody(layer: KubernetesLayer) -> Iterator[Problem]:
    receiver, level = layer.monitoring.receiver, layer.monitoring.level
    path = ("monitoring", "receiver")
    if isinstance(layer, LocalEnvironment) or level == "basic":
        if receiver:
            why = "monitoring.level basic sends no alerts" if level == "basic" else "there is no store of secrets"
            yield Problem(path=path, value=receiver.type, rule=f"must be left out: {why}")
    elif not receiver:
        rule = f"must say who is told of alerts (type, secret): monitoring.level {level} has them"
        yield Problem(path=path, value="null", rule=rule)


def guests_are_for_development(layer: KubernetesLayer) -> Iterator[Problem]:
    if layer.tier != "dev" and layer.portal.sign_in.provider == "guest":
        rule = f"lets everybody in without a name; {layer.tier} needs a provider that knows people (oidc)"
        yield Problem(path=("portal", "sign_in", "provider"), value="guest", rule=rule)


def the_sign_in_secret_is_fetched(layer: KubernetesLayer) -> Iterator[Problem]:
    sign_in = layer.portal.sign_in
    if sign_in.provider == "oidc" and sign_in.secret not in layer.portal.secrets:
        rule = "must be one of portal.secrets, which are fetched from the cloud's store"
        yield Problem(path=("portal", "sign_in", "secret"), value=sign_in.secret, rule=rule)


def a_local_cluster_fetches_no_secrets(layer: KubernetesLayer) -> Iterator[Problem]:
    if isinstance(layer, LocalEnvironment) and layer.portal.secrets:
        rule = "needs a cloud's store of secrets, and a local cluster has none; leave it out"
        yield Problem(path=("portal", "secrets"), value=", ".join(layer.portal.secrets), rule=rule)


def a_local_cluster_has_no_managed_stores(layer: KubernetesLayer) -> Iterator[Problem]:
    if isinstance(layer, LocalEnvironment):
        for store in (*DATABASES, *CACHES):
            if layer.data.placement(store) == "managed":
                rule = "must be cluster: a local cluster has no cloud around it"
                yield Problem(path=("data", store, "placement"), value="managed", rule=rule)

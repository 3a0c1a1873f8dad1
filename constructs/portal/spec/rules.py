"""Rules that join several fields, each a pure function from a valid-looking environment to its problems.

They run beside the models, not inside them, so that one wrong field does not hide the others: the loader calls every
rule also on a file with errors and drops the rules that needed a missing part.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from portal.authorities import authority_file
from portal.spec.clouds import AwsNodes, AzureNodes, Network, PublicApi
from portal.spec.environment import Environment, KubernetesLayer, LocalEnvironment
from portal.spec.problems import Path, Problem
from portal.spec.shared import Shared
from portal.spec.workloads import CACHES, DATABASES

LayerRule = Callable[[Any], Iterator[Problem]]

EVERYWHERE = IPv4Network("0.0.0.0/0")

MINIMUM_RETENTION_DAYS = {"none": 0, "daily": 7, "continuous": 30}
"""What each backup level promises (guide, "Backup Strategy": 30 days in production)."""

MINIMUM_ARCHIVE_DAYS = 90
"""A quarter: what a level that promises long-term storage has to keep at least."""

AZURE_UPGRADE_SURGE = 0.33
"""Share of extra nodes while a pool is upgraded."""

NODE_GROUPS = ("system", "application", "memory-optimized")


def replicas_have_room(layer: KubernetesLayer) -> Iterator[Problem]:
    for name in ("frontend", "backend"):
        replicas = getattr(layer.portal, name).replicas
        if replicas.min > replicas.max:
            yield _min_above_max(("portal", name, "replicas", "min"), replicas.min, replicas.max)


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
    if layer.backup.level == "none":
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


def every_node_group_is_sized(environment: Environment) -> Iterator[Problem]:
    for name in NODE_GROUPS:
        if name not in environment.nodes:
            rule = f"lacks the node group {name}; the platform needs {', '.join(NODE_GROUPS)}"
            yield Problem(path=("nodes",), value=None, rule=rule, show_value=False)
    for name, group in environment.nodes.items():
        if group.min > group.max:
            yield _min_above_max(("nodes", name, "min"), group.min, group.max)


def aws_nodes_match(environment: Environment) -> Iterator[Problem]:
    yield from _machines_match(environment, "aws", "instance_type", environment.clouds.aws.nodes)


def azure_nodes_match(environment: Environment) -> Iterator[Problem]:
    yield from _machines_match(environment, "azure", "vm_size", environment.clouds.azure.nodes)


def _machines_match(
    environment: Environment, cloud: str, field: str, machines: Mapping[Any, AwsNodes | AzureNodes]
) -> Iterator[Problem]:
    for name in NODE_GROUPS:
        if name not in machines:
            rule = f"lacks the node group {name}, which nodes.{name} sizes"
            yield Problem(path=("clouds", cloud, "nodes"), value=None, rule=rule, show_value=False)
    for name, machine in machines.items():
        value = getattr(machine, field)
        wanted = environment.nodes[name].architecture if name in environment.nodes else None
        actual = machine_architecture(value)
        if wanted and actual != wanted:
            rule = f"is {actual}, but nodes.{name}.architecture is {wanted}"
            yield Problem(path=("clouds", cloud, "nodes", name, field), value=value, rule=rule)


def machine_architecture(machine: str) -> str:
    """`amd64` or `arm64`, from the name of an EC2 instance type or an Azure VM size.

    EC2: a `g` right after the generation (m7g, c7gn; a1 is the one old exception). Azure: a `p` among the feature
    letters after the number of vCPUs (D4ps_v6). Sources: the EC2 and Azure pages on naming conventions.
    """
    if machine.startswith("Standard_"):
        features = re.match(r"Standard_[A-Z]+\d+([a-z]*)", machine)
        return "arm64" if features and "p" in features[1] else "amd64"
    return "arm64" if re.match(r"(a1|[a-z]+\d+g[a-z]*)\.", machine) else "amd64"


def aws_zones_are_in_the_region(environment: Environment) -> Iterator[Problem]:
    aws = environment.clouds.aws
    yield from _zones("aws", aws.zones, f"{aws.region} and one letter", re.escape(aws.region) + "[a-z]")


def azure_zones_differ(environment: Environment) -> Iterator[Problem]:
    yield from _zones("azure", environment.clouds.azure.zones, "1, 2 or 3", "[123]")


def _zones(cloud: str, zones: tuple[str, ...], form: str, pattern: str) -> Iterator[Problem]:
    for index, zone in enumerate(zones):
        path = ("clouds", cloud, "zones", index)
        if not re.fullmatch(pattern, zone):
            yield Problem(path=path, value=zone, rule=f"is not a zone of the region: a zone here is {form}")
        if zone in zones[:index]:
            yield Problem(path=path, value=zone, rule="is listed twice; three different zones are needed")


def aws_ranges_are_apart(environment: Environment) -> Iterator[Problem]:
    yield from _ranges("aws", environment.clouds.aws.network)


def gcp_ranges_are_apart(environment: Environment) -> Iterator[Problem]:
    yield from _ranges("gcp", environment.clouds.gcp.network)


def azure_ranges_are_apart(environment: Environment) -> Iterator[Problem]:
    yield from _ranges("azure", environment.clouds.azure.network)


def _ranges(cloud: str, network: Network) -> Iterator[Problem]:
    place: Path = ("clouds", cloud, "network")
    sizes = {"cidr": (16, 20), "pod_cidr": (10, 19), "service_cidr": (12, 20)}
    for field, (largest, smallest) in sizes.items():
        cidr = getattr(network, field)
        if not largest <= cidr.prefixlen <= smallest:
            rule = f"must be between /{largest} and /{smallest}, so that zones, nodes and pods at full scale fit"
            yield Problem(path=(*place, field), value=cidr, rule=rule)
        if not cidr.is_private and not cidr.subnet_of(IPv4Network("100.64.0.0/10")):
            yield Problem(
                path=(*place, field), value=cidr, rule="must be private (RFC 1918) or shared (RFC 6598) space"
            )
    for earlier, later in combinations(sizes, 2):
        a, b = getattr(network, earlier), getattr(network, later)
        if a.overlaps(b):
            rule = f"overlaps clouds.{cloud}.network.{earlier} ({a}); choose ranges that do not overlap"
            yield Problem(path=(*place, later), value=b, rule=rule)


def azure_pods_fit(environment: Environment) -> Iterator[Problem]:
    """The overlay gives each node a /24. Source: AKS, "Azure CNI Overlay networking", IP address planning."""
    cidr = environment.clouds.azure.network.pod_cidr
    nodes = sum(group.max for group in environment.nodes.values())
    needed = nodes + math.ceil(nodes * AZURE_UPGRADE_SURGE)
    if cidr.prefixlen <= 24 and 2 ** (24 - cidr.prefixlen) < needed:
        rule = f"is too small: each of up to {needed} nodes, those of an upgrade included, takes a /24 of it"
        yield Problem(path=("clouds", "azure", "network", "pod_cidr"), value=cidr, rule=rule)


def aws_api_is_not_open(environment: Environment) -> Iterator[Problem]:
    yield from _api_is_not_open(environment, "aws", environment.clouds.aws.cluster)


def azure_api_is_not_open(environment: Environment) -> Iterator[Problem]:
    yield from _api_is_not_open(environment, "azure", environment.clouds.azure.cluster)


def _api_is_not_open(environment: Environment, cloud: str, api: PublicApi) -> Iterator[Problem]:
    if environment.tier == "dev":
        return
    for index, cidr in enumerate(api.api_allowed_cidrs):
        if cidr == EVERYWHERE:
            yield Problem(
                path=("clouds", cloud, "cluster", "api_allowed_cidrs", index),
                value=cidr,
                rule=f"opens the API server of {environment.tier} to the internet; list your networks and runners",
            )


def managed_stores_exist(environment: Environment) -> Iterator[Problem]:
    for name in ("gcp", "azure"):
        cloud = getattr(environment.clouds, name)
        for store in (*DATABASES, *CACHES):
            if environment.placement(store, cloud) == "managed":
                rule = f"leaves {store} managed, which is not built on this cloud; say `{store}: cluster` here"
                yield Problem(path=("clouds", name, "placement"), value=None, rule=rule, show_value=False)


def aws_edge_has_a_gateway(environment: Environment) -> Iterator[Problem]:
    if environment.clouds.aws.edge and not environment.mesh:
        rule = "must be null where mesh is false: without the gateway there is nothing that it could lead to"
        yield Problem(path=("clouds", "aws", "edge"), value=None, rule=rule, show_value=False)


def aws_copies_go_elsewhere(environment: Environment) -> Iterator[Problem]:
    aws = environment.clouds.aws
    if aws.data.second_region == aws.region:
        rule = f"must differ from clouds.aws.region ({aws.region}): a copy there would be lost with the original"
        yield Problem(path=("clouds", "aws", "data", "second_region"), value=aws.data.second_region, rule=rule)


def managed_databases_are_known_by_their_authority(environment: Environment) -> Iterator[Problem]:
    aws = environment.clouds.aws
    if environment.managed_databases(aws) and not authority_file(aws.region).is_file():
        rule = (
            f"has no authority of database certificates in {authority_file(aws.region).parent.name}/; "
            f"put RDS's bundle of the region there as {aws.region}.pem"
        )
        yield Problem(path=("clouds", "aws", "region"), value=aws.region, rule=rule)


def managed_caches_survive_a_node(environment: Environment) -> Iterator[Problem]:
    caches = environment.managed.caches
    if environment.tier != "dev" and caches.replicas == 0:
        rule = f"must be at least 1 in {environment.tier}: a shard without a replica is lost with its node"
        yield Problem(path=("managed", "caches", "replicas"), value=0, rule=rule)


def a_local_cluster_has_no_managed_stores(layer: KubernetesLayer) -> Iterator[Problem]:
    if isinstance(layer, LocalEnvironment):
        for store in (*DATABASES, *CACHES):
            if layer.data.placement(store) == "managed":
                rule = "must be cluster: a local cluster has no cloud around it"
                yield Problem(path=("data", store, "placement"), value="managed", rule=rule)


def _min_above_max(path: Path, low: int, high: int) -> Problem:
    return Problem(path=path, value=low, rule=f"must not be above max ({high})")


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


def a_local_cluster_fetches_no_secrets(layer: KubernetesLayer) -> Iterator[Problem]:
    if isinstance(layer, LocalEnvironment) and layer.portal.secrets:
        rule = "needs a cloud's store of secrets, and a local cluster has none; leave it out"
        yield Problem(path=("portal", "secrets"), value=", ".join(layer.portal.secrets), rule=rule)


def guests_are_for_development(layer: KubernetesLayer) -> Iterator[Problem]:
    if layer.tier != "dev" and layer.portal.sign_in.provider == "guest":
        rule = f"lets everybody in without a name; {layer.tier} needs a provider that knows people (oidc)"
        yield Problem(path=("portal", "sign_in", "provider"), value="guest", rule=rule)


def the_sign_in_secret_is_fetched(layer: KubernetesLayer) -> Iterator[Problem]:
    sign_in = layer.portal.sign_in
    if sign_in.provider == "oidc" and sign_in.secret not in layer.portal.secrets:
        rule = "must be one of portal.secrets, which are fetched from the cloud's store"
        yield Problem(path=("portal", "sign_in", "secret"), value=sign_in.secret, rule=rule)


LAYER_RULES: tuple[LayerRule, ...] = (
    replicas_have_room,
    backup_keeps_what_its_level_promises,
    sentinels_watch_replicas,
    a_recovered_database_archives_anew,
    poolers_survive_a_node,
    a_local_cluster_fetches_no_secrets,
    metrics_stay_where_the_level_says_so,
    alerts_reach_somebody,
    guests_are_for_development,
    the_sign_in_secret_is_fetched,
    a_local_cluster_has_no_managed_stores,
)

ENVIRONMENT_RULES: tuple[LayerRule, ...] = (
    *LAYER_RULES,
    every_node_group_is_sized,
    aws_nodes_match,
    azure_nodes_match,
    aws_zones_are_in_the_region,
    azure_zones_differ,
    aws_ranges_are_apart,
    gcp_ranges_are_apart,
    azure_ranges_are_apart,
    azure_pods_fit,
    aws_api_is_not_open,
    azure_api_is_not_open,
    managed_stores_exist,
    managed_databases_are_known_by_their_authority,
    managed_caches_survive_a_node,
    aws_copies_go_elsewhere,
    aws_edge_has_a_gateway,
)


def routed_ranges_are_apart(environments: Mapping[str, Environment]) -> Iterator[tuple[str, Problem]]:
    """Across files: networks that can reach each other have different ranges. Yields (tier of the file, problem)."""
    for (earlier, a), (later, b) in combinations(environments.items(), 2):
        for cloud in ("aws", "gcp", "azure"):
            ours, theirs = getattr(b.clouds, cloud).network, getattr(a.clouds, cloud).network
            if ours.routing_domain != theirs.routing_domain:
                continue
            for field, cidr in ours.routed.items():
                for other_field, other in theirs.routed.items():
                    if cidr.overlaps(other):
                        rule = (
                            f"overlaps clouds.{cloud}.network.{other_field} of {earlier} ({other}), "
                            f"which shares the routing domain {ours.routing_domain}"
                        )
                        yield later, Problem(path=("clouds", cloud, "network", field), value=cidr, rule=rule)


def names_are_below_the_zone(environments: Mapping[str, Environment], shared: Shared) -> Iterator[tuple[str, Problem]]:
    """Across files: the public zone can delegate every environment's name. Yields (tier of the file, problem)."""
    zone = shared.clouds.aws.zone
    for tier, environment in environments.items():
        if not environment.portal.domain.endswith(f".{zone}"):
            rule = f"must end in .{zone}, the public zone (clouds.aws.zone of shared.yaml), which delegates it"
            yield tier, Problem(path=("portal", "domain"), value=environment.portal.domain, rule=rule)


def broken(rules: Iterable[LayerRule], environment: Any, *, partial: bool) -> Iterator[Problem]:
    """The problems that `rules` find. With `partial`, a rule that needs a field which is not there finds nothing."""
    for rule in rules:
        try:
            yield from rule(environment)
        except AttributeError:
            if not partial:
                raise

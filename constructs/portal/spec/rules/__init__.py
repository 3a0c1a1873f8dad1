"""Rules that join several fields, each a pure function from a valid-looking file to its problems.

They run beside the models, not inside them, so that one wrong field does not hide the others: the loader calls every
rule also on a file with errors and drops the rules that needed a missing part.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from portal.spec.problems import Problem
from portal.spec.rules.layer import (
    a_load_test_knows_its_steps,
    a_local_cluster_fetches_no_secrets,
    a_local_cluster_has_no_managed_stores,
    a_recovered_database_archives_anew,
    alerts_reach_somebody,
    backup_keeps_what_its_level_promises,
    guests_are_for_development,
    metrics_stay_where_the_level_says_so,
    poolers_survive_a_node,
    replicas_have_room,
    sentinels_watch_replicas,
    the_sign_in_secret_is_fetched,
)
from portal.spec.rules.machines import (
    aws_nodes_match,
    aws_zones_are_in_the_region,
    azure_nodes_match,
    azure_zones_differ,
    each_instance_has_a_node_in_its_zone,
    every_node_group_is_sized,
    the_ops_host_is_awake_for_a_while,
)
from portal.spec.rules.network import (
    a_private_api_has_a_way_in,
    aws_api_is_not_open,
    aws_load_generators_can_start,
    aws_pods_fit,
    aws_portal_has_one_way_in,
    aws_ranges_are_apart,
    azure_api_is_not_open,
    azure_pods_fit,
    azure_ranges_are_apart,
    gcp_ranges_are_apart,
)
from portal.spec.rules.shared import every_tier_is_deployed_from_somewhere
from portal.spec.rules.stores import (
    aws_copies_go_elsewhere,
    aws_edge_has_a_gateway,
    managed_caches_survive_a_node,
    managed_databases_are_known_by_their_authority,
    managed_stores_exist,
)

LayerRule = Callable[[Any], Iterator[Problem]]

LAYER_RULES: tuple[LayerRule, ...] = (
    replicas_have_room,
    a_load_test_knows_its_steps,
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
    each_instance_has_a_node_in_its_zone,
    aws_nodes_match,
    azure_nodes_match,
    aws_zones_are_in_the_region,
    azure_zones_differ,
    the_ops_host_is_awake_for_a_while,
    aws_ranges_are_apart,
    gcp_ranges_are_apart,
    azure_ranges_are_apart,
    aws_pods_fit,
    aws_portal_has_one_way_in,
    azure_pods_fit,
    aws_api_is_not_open,
    azure_api_is_not_open,
    a_private_api_has_a_way_in,
    aws_load_generators_can_start,
    managed_stores_exist,
    managed_databases_are_known_by_their_authority,
    managed_caches_survive_a_node,
    aws_copies_go_elsewhere,
    aws_edge_has_a_gateway,
)

SHARED_RULES: tuple[LayerRule, ...] = (every_tier_is_deployed_from_somewhere,)


def broken(rules: Iterable[LayerRule], environment: Any, *, partial: bool) -> Iterator[Problem]:
    """The problems that `rules` find. With `partial`, a rule that needs a field which is not there finds nothing."""
    for rule in rules:
        try:
            yield from rule(environment)
        except AttributeError:
            if not partial:
                raise

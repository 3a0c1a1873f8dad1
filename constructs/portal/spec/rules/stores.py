"""Where data live, and where copies of them go."""

from collections.abc import Iterator

from portal.authorities import FOLDER, authority_file
from portal.spec.clouds import Clouds
from portal.spec.environment import Environment
from portal.spec.problems import Problem, from_checkout
from portal.spec.workloads import CACHES, DATABASES

WITH_MANAGED_STORES = {"aws"}
"""Clouds on which databases and caches can be services."""


def managed_stores_exist(environment: Environment) -> Iterator[Problem]:
    for name in (name for name in Clouds.model_fields if name not in WITH_MANAGED_STORES):
        cloud = getattr(environment.clouds, name)
        for store in (*DATABASES, *CACHES):
            if environment.placement(store, cloud) == "managed":
                rule = f"leaves {store} managed, which is not built on this cloud; say `{store}: cluster` here"
                yield Problem(path=("clouds", name, "placement"), value=None, rule=rule, show_value=False)


def managed_databases_are_known_by_their_authority(environment: Environment) -> Iterator[Problem]:
    """Clients verify the server, and RDS signs with roots of its own in each region."""
    aws = environment.clouds.aws
    if environment.managed_databases(aws) and not authority_file(aws.region).is_file():
        rule = (
            f"has no authority of database certificates in {from_checkout(FOLDER)}/; "
            f"put RDS's bundle of the region there as {aws.region}.pem"
        )
        yield Problem(path=("clouds", "aws", "region"), value=aws.region, rule=rule)


def managed_caches_survive_a_node(environment: Environment) -> Iterator[Problem]:
    caches = environment.managed.caches
    if environment.tier != "dev" and caches.replicas == 0:
        rule = f"must be at least 1 in {environment.tier}: a shard without a replica is lost with its node"
        yield Problem(path=("managed", "caches", "replicas"), value=0, rule=rule)


def aws_copies_go_elsewhere(environment: Environment) -> Iterator[Problem]:
    aws = environment.clouds.aws
    if aws.data.second_region == aws.region:
        rule = f"must differ from clouds.aws.region ({aws.region}): a copy there would be lost with the original"
        yield Problem(path=("clouds", "aws", "data", "second_region"), value=aws.data.second_region, rule=rule)


def aws_edge_has_a_gateway(environment: Environment) -> Iterator[Problem]:
    if environment.clouds.aws.edge and not environment.mesh:
        rule = "must be null where mesh is false: without the gateway there is nothing that it could lead to"
        yield Problem(path=("clouds", "aws", "edge"), value=None, rule=rule, show_value=False)

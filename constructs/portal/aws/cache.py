"""Valkey as a service: ElastiCache in cluster mode."""

from cdktf_cdktf_provider_aws.elasticache_parameter_group import (
    ElasticacheParameterGroup,
    ElasticacheParameterGroupParameter,
)
from cdktf_cdktf_provider_aws.elasticache_replication_group import (
    ElasticacheReplicationGroup,
    ElasticacheReplicationGroupLogDeliveryConfiguration,
    ElasticacheReplicationGroupTimeouts,
)
from cdktf_cdktf_provider_aws.elasticache_subnet_group import ElasticacheSubnetGroup
from cdktf_cdktf_provider_aws.elasticache_user import ElasticacheUser, ElasticacheUserAuthenticationMode
from cdktf_cdktf_provider_aws.elasticache_user_group import ElasticacheUserGroup
from constructs import Construct

from portal.aws.keys import Keys
from portal.aws.logs import LogGroup
from portal.aws.monitoring import of_cache
from portal.aws.network import Network
from portal.aws.random import temporary_password
from portal.aws.reach import ReachedByNodes
from portal.aws.secrets import StoredSecret
from portal.kubernetes import contract
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws
from portal.spec.workloads import ManagedCaches

ENGINE = "valkey"
PORT = 6379

RIGHTS = "on ~* &* +@all -@dangerous"
"""Every key, and no command that stops, empties or reconfigures the server."""


class Cache(Construct):
    """Shards with replicas in other zones, which the nodes alone reach, over TLS, as one user with a password.

    No argument of the user's password is write-only, so the first one is in the state. It is for minutes: a function
    replaces it as soon as it exists, and Terraform looks away from then on.

    Source: guide, "AWS Architecture", ElastiCache; ElastiCache user guide, "Role-Based Access Control (RBAC)".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        store: str,
        naming: Naming,
        network: Network,
        members_group_id: str,
        keys: Keys,
        cloud: Aws,
        size: ManagedCaches,
        version: str,
        backed_up: bool,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_CACHE, store)
        reach = ReachedByNodes(
            self, "reach", name=name, vpc_id=network.vpc_id, members_group_id=members_group_id, port=PORT
        )
        subnets = ElasticacheSubnetGroup(self, "subnets", name=name, subnet_ids=list(network.data_subnet_ids.values()))
        parameters = ElasticacheParameterGroup(
            self,
            "parameters",
            name=name,
            family=f"{ENGINE}{version.partition('.')[0]}",
            parameter=[
                ElasticacheParameterGroupParameter(name="cluster-enabled", value="yes"),
                # A cache that is full forgets what was least used, instead of refusing to write.
                ElasticacheParameterGroupParameter(name="maxmemory-policy", value="allkeys-lru"),
            ],
        )
        log = LogGroup(
            self,
            "log",
            name=f"/aws/elasticache/{name}",
            key=keys.logs,
            retention_days=cloud.cluster.log_retention_days,
        )
        first = temporary_password(self, "first-password")
        self.user = ElasticacheUser(
            self,
            "user",
            user_id=name,
            user_name=name,
            engine=ENGINE,
            access_string=RIGHTS,
            authentication_mode=ElasticacheUserAuthenticationMode(type="password", passwords=[first]),
            lifecycle={"ignore_changes": ["authentication_mode"]},
        )
        users = ElasticacheUserGroup(self, "users", user_group_id=name, engine=ENGINE, user_ids=[self.user.user_id])
        self.password = StoredSecret(
            self,
            "password",
            name=naming.name(Kind.AWS_NAME, store),
            account=cloud.account,
            key=keys.data,
            copy=(cloud.data.second_region, keys.copies) if cloud.data.second_region and keys.copies else None,
            first_value={"username": name, "password": first, "temporary": True},
            revision=1,
            protected=protected,
        )
        group = ElasticacheReplicationGroup(
            self,
            "Default",
            replication_group_id=name,
            description=f"{name}: {size.shards} shards, {size.replicas} replicas of each",
            engine=ENGINE,
            engine_version=version,
            parameter_group_name=parameters.name,
            node_type=cloud.data.cache_class,
            num_node_groups=size.shards,
            replicas_per_node_group=size.replicas,
            port=PORT,
            # Cluster mode has no other way; several zones need somebody to take over.
            automatic_failover_enabled=True,
            multi_az_enabled=size.replicas > 0,
            subnet_group_name=subnets.name,
            security_group_ids=[reach.id],
            at_rest_encryption_enabled="true",
            kms_key_id=keys.data.arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[users.user_group_id],
            snapshot_retention_limit=7 if backed_up else 0,
            snapshot_window="00:30-01:30",
            maintenance_window="sun:03:30-sun:04:30",
            auto_minor_version_upgrade="true",
            apply_immediately=not protected,
            log_delivery_configuration=[
                ElasticacheReplicationGroupLogDeliveryConfiguration(
                    destination=log.resource.name,
                    destination_type="cloudwatch-logs",
                    log_format="json",
                    log_type=kind,
                )
                for kind in ("slow-log", "engine-log")
            ],
            # Another shard takes its share of what is cached from the others.
            timeouts=ElasticacheReplicationGroupTimeouts(update="3h"),
            lifecycle={"prevent_destroy": protected},
        )
        self.alarms = of_cache(store, name, shards=size.shards, replicas=size.replicas)
        self.contract = contract.ManagedCache(
            host=group.configuration_endpoint_address,
            port=PORT,
            user=name,
            secret=self.password.name,
            cidrs=network.data_cidrs,
            ready=(reach.open,),
        )

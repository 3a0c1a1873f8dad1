"""How PostgreSQL runs."""

from functools import cache
from typing import Any

import pytest

from tests.charts.rendering import Refused, Rendered, changed, example, flows, render


@cache
def postgres(size: str) -> Rendered:
    return render("postgres-cluster", example("postgres-cluster", size))


def spec(rendered: Rendered) -> dict[str, Any]:
    found: dict[str, Any] = rendered.one("Cluster", "postgres-cluster")["spec"]
    return found


def test_instances_and_poolers_tolerate_that_their_nodes_are_kept_for_them() -> None:
    kept = {size: render("postgres-cluster", example("postgres-cluster", size)) for size in ("dev", "prod")}
    cluster, pooler = kept["prod"].one("Cluster"), kept["prod"].all("Pooler")[0]
    for spec in (cluster["spec"]["affinity"], pooler["spec"]["template"]["spec"]):
        assert [each["value"] for each in spec["tolerations"]] == ["memory-intensive"]
    assert "tolerations" not in kept["dev"].one("Cluster")["spec"]["affinity"]


def test_three_instances_are_in_three_zones_and_drained_one_by_one() -> None:
    prod = spec(postgres("prod"))
    assert prod["instances"] == 3
    assert prod["affinity"]["podAntiAffinityType"] == "required"
    assert prod["affinity"]["topologyKey"] == "topology.kubernetes.io/zone"
    assert prod["affinity"]["enablePodAntiAffinity"] is prod["enablePDB"] is True


def test_a_single_instance_blocks_no_drain() -> None:
    dev = spec(postgres("dev"))
    assert dev["instances"] == 1
    assert dev["enablePDB"] is dev["affinity"]["enablePodAntiAffinity"] is False


def test_a_commit_waits_for_a_second_instance_where_asked() -> None:
    synchronous = spec(postgres("prod"))["postgresql"]["synchronous"]
    assert (synchronous["method"], synchronous["number"]) == ("any", 1)
    assert synchronous["dataDurability"] == "required"
    assert synchronous["failoverQuorum"] is True
    assert "synchronous" not in spec(postgres("dev"))["postgresql"]


def test_a_single_instance_cannot_wait_for_a_second() -> None:
    with pytest.raises(Refused, match="'/instances'"):
        render("postgres-cluster", changed(example("postgres-cluster", "dev"), "synchronous", True))


def test_parameters_are_the_guides() -> None:
    """Guide, "PostgreSQL High Availability Setup"; statements are logged when they change the schema, not all."""
    parameters = spec(postgres("prod"))["postgresql"]["parameters"]
    assert parameters["max_connections"] == "200"
    assert parameters["log_min_duration_statement"] == "1000"
    assert parameters["log_statement"] == "ddl"
    assert any(name.startswith("pg_stat_statements.") for name in parameters)
    assert all(isinstance(value, str) for value in parameters.values())


@pytest.mark.parametrize(("memory", "buffers"), [("4Gi", "1024MB"), ("1Gi", "256MB"), ("512Mi", "128MB")])
def test_a_quarter_of_the_memory_is_shared_buffers(memory: str, buffers: str) -> None:
    values = changed(example("postgres-cluster", "prod"), "resources.requests.memory", memory)
    assert spec(render("postgres-cluster", values))["postgresql"]["parameters"]["shared_buffers"] == buffers


def test_the_portals_database_is_made_without_a_password_of_ours() -> None:
    initdb = spec(postgres("prod"))["bootstrap"]["initdb"]
    assert (initdb["database"], initdb["owner"], initdb["dataChecksums"]) == ("idp_portal", "portal_user", True)
    assert "secret" not in initdb
    assert postgres("prod").all("Secret") == []
    assert spec(postgres("prod"))["enableSuperuserAccess"] is False


def test_nobody_connects_without_tls() -> None:
    """The first rule that matches decides, and the operator puts its own for everybody last."""
    (rule,) = spec(postgres("prod"))["postgresql"]["pg_hba"]
    assert rule.split() == ["hostnossl", "all", "all", "all", "reject"]
    (rule,) = postgres("prod").one("Pooler")["spec"]["pgbouncer"]["pg_hba"]
    assert (rule.split()[0], rule.split()[-1]) == ("hostnossl", "reject")


def test_data_and_log_have_volumes_of_their_own_on_the_class_that_is_named() -> None:
    prod, dev = spec(postgres("prod")), spec(postgres("dev"))
    assert prod["storage"] == {"size": "500Gi", "storageClass": "fast-ssd"}
    assert prod["walStorage"] == {"size": "50Gi", "storageClass": "fast-ssd"}
    assert (dev["storage"], dev["walStorage"]) == ({"size": "20Gi"}, {"size": "10Gi"})


@pytest.mark.parametrize("size", ["dev", "prod"])
def test_instances_have_the_image_and_size_of_the_environment(size: str) -> None:
    values = example("postgres-cluster", size)
    assert spec(postgres(size))["imageName"] == values["image"]
    assert spec(postgres(size))["resources"] == values["resources"]


def test_a_new_primary_takes_over_before_the_old_one_restarts() -> None:
    assert spec(postgres("prod"))["primaryUpdateMethod"] == "switchover"
    assert spec(postgres("prod"))["primaryUpdateStrategy"] == "unsupervised"


def test_without_a_store_nothing_is_archived() -> None:
    dev = postgres("dev")
    assert "plugins" not in spec(dev)
    assert dev.all("ObjectStore") == dev.all("ScheduledBackup") == []


def test_the_log_is_archived_and_a_base_backup_made_each_night_and_at_once() -> None:
    prod = postgres("prod")
    (plugin,) = spec(prod)["plugins"]
    assert plugin["name"] == "barman-cloud.cloudnative-pg.io"
    assert plugin["isWALArchiver"] is True
    store = prod.one("ObjectStore")
    assert plugin["parameters"] == {"barmanObjectName": store["metadata"]["name"], "serverName": "portal-1"}
    assert store["spec"]["retentionPolicy"] == "30d"
    backup = prod.one("ScheduledBackup")["spec"]
    assert backup["cluster"]["name"] == "postgres-cluster"
    assert (backup["method"], backup["pluginConfiguration"]["name"]) == ("plugin", plugin["name"])
    assert (backup["schedule"], backup["immediate"]) == ("0 0 2 * * *", True)


def test_the_store_is_reached_by_an_identity_and_never_by_a_key() -> None:
    prod = postgres("prod")
    assert prod.one("ObjectStore")["spec"]["configuration"]["s3Credentials"] == {"inheritFromIAMRole": True}
    values = example("postgres-cluster", "prod")
    with pytest.raises(Refused, match="backup/credentials/s3Credentials"):
        render("postgres-cluster", changed(values, "backup.credentials.s3Credentials.accessKeyId", {"name": "keys"}))


def test_the_clouds_marks_reach_service_account_and_pods() -> None:
    values = changed(example("postgres-cluster", "prod"), "backup.serviceAccountAnnotations", {"client-id": "1"})
    marked = spec(render("postgres-cluster", changed(values, "backup.podLabels", {"use": "true"})))
    assert marked["serviceAccountTemplate"]["metadata"]["annotations"] == {"client-id": "1"}
    assert marked["inheritedMetadata"]["labels"] == {"use": "true"}


def test_a_restored_database_starts_from_the_lost_ones_archive_and_writes_its_own() -> None:
    values = changed(example("postgres-cluster", "prod"), "backup.server", "portal-2")
    recovery = {"server": "portal-1", "targetTime": "2026-11-01T10:00:00Z"}
    restored = spec(render("postgres-cluster", changed(values, "recovery", recovery)))
    assert restored["bootstrap"] == {
        "recovery": {
            "source": "portal-1",
            "database": "idp_portal",
            "owner": "portal_user",
            "recoveryTarget": {"targetTime": "2026-11-01T10:00:00Z"},
        }
    }
    (origin,) = restored["externalClusters"]
    assert origin["name"] == "portal-1"
    assert origin["plugin"]["parameters"]["serverName"] == "portal-1"
    assert restored["plugins"][0]["parameters"]["serverName"] == "portal-2"


def test_poolers_keep_sessions_and_show_a_certificate_of_their_name() -> None:
    prod = postgres("prod")
    pooler = prod.one("Pooler")["spec"]
    assert pooler["pgbouncer"]["poolMode"] == "session", "Backstage sets a schema for each connection"
    assert pooler["pgbouncer"]["parameters"]["server_idle_timeout"] == "60"
    assert "postgres-cluster-pooler" in spec(prod)["certificates"]["serverAltDNSNames"]
    assert postgres("dev").all("Pooler") == []


@pytest.mark.parametrize("databases", [[], ["backstage"], ["backstage", "another"]])
def test_all_poolers_together_leave_connections_for_others_however_many_databases_there_are(
    databases: list[str],
) -> None:
    """The size of a pool is for each pair of user and database; the limit of a user is for all databases."""
    rendered = render("postgres-cluster", changed(example("postgres-cluster", "prod"), "databases", databases))
    users = {database["spec"]["owner"] for database in rendered.all("Database")} | {
        spec(rendered)["bootstrap"]["initdb"]["owner"]
    }
    pooler = rendered.one("Pooler")["spec"]
    connections = pooler["instances"] * len(users) * int(pooler["pgbouncer"]["parameters"]["max_user_connections"])
    assert connections <= int(spec(rendered)["postgresql"]["parameters"]["max_connections"]) - 50


@pytest.mark.parametrize(("size", "kept"), [("50Gi", "25600MB"), ("10Gi", "5120MB"), ("512Mi", "256MB")])
def test_a_replica_that_never_comes_back_does_not_fill_the_logs_volume(size: str, kept: str) -> None:
    values = changed(example("postgres-cluster", "prod"), "storage.walSize", size)
    assert spec(render("postgres-cluster", values))["postgresql"]["parameters"]["max_slot_wal_keep_size"] == kept


def test_the_store_leaves_the_servers_name_to_the_plugin_and_compresses_as_barman_can() -> None:
    """`serverName` must stay empty there; base backups know no zstd."""
    configuration = postgres("prod").one("ObjectStore")["spec"]["configuration"]
    assert "serverName" not in configuration
    assert configuration["data"]["compression"] in ("gzip", "bzip2", "lz4", "snappy")


def test_poolers_survive_a_drain_and_are_watched() -> None:
    prod = postgres("prod")
    label = {"cnpg.io/poolerName": prod.one("Pooler")["metadata"]["name"]}
    assert prod.one("PodDisruptionBudget")["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": label}}
    assert prod.one("PodMonitor", "postgres-cluster-pooler")["spec"]["selector"]["matchLabels"] == label


def test_instances_talk_to_what_they_need_only() -> None:
    own = {(way, "postgres-cluster", f"TCP/{port}") for way in ("ingress", "egress") for port in (5432, 8000)}
    assert flows(postgres("prod").one("NetworkPolicy", "postgres-cluster")) == {
        *own,
        ("ingress", "postgres-cluster-pooler", "TCP/5432"),
        ("egress", "0.0.0.0/0", "TCP/443"),
        ("egress", "169.254.170.23/32", "TCP/80"),
        ("ingress", "backstage-backend", "TCP/5432"),
        ("ingress", "namespace cnpg-system", "TCP/5432"),
        ("ingress", "namespace cnpg-system", "TCP/8000"),
        ("ingress", "namespace monitoring", "TCP/9187"),
        ("egress", "10.0.0.0/8", "TCP/443"),
        *(
            ("egress", resolver, f"{protocol}/53")
            for resolver in ("namespace kube-system", "169.254.20.10/32")
            for protocol in ("TCP", "UDP")
        ),
    }

"""The archive of metrics: what asks whom, what is deleted when, and that it is logged in to by identity alone."""

from functools import cache
from typing import Any

import pytest
import yaml

from tests.charts.rendering import Refused, Rendered, changed, example, matches, render


@cache
def archive() -> Rendered:
    return render("metrics-archive", example("metrics-archive", "prod"))


def container(kind: str, part: str) -> dict[str, Any]:
    workload = archive().one(kind, f"metrics-archive-{part}")
    (found,) = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_queries_ask_the_sidecars_for_what_is_new_and_the_store_for_what_is_old() -> None:
    (flag,) = [argument for argument in container("Deployment", "query")["args"] if "endpoint" in argument]
    name, _, content = flag.partition("=")
    assert name == "--endpoint.sd-config"
    addresses = [endpoint["address"] for endpoint in yaml.safe_load(content)["endpoints"]]
    assert addresses == ["dns+prometheus-thanos-discovery:10901", "dns+metrics-archive-store:10901"]
    store = archive().one("Service", "metrics-archive-store")
    assert store["spec"]["clusterIP"] == "None", "or one pod of several would be asked"
    assert {port["name"]: port["port"] for port in store["spec"]["ports"]}["grpc"] == 10901


def test_series_of_two_servers_are_one() -> None:
    assert "--query.replica-label=prometheus_replica" in container("Deployment", "query")["args"]


def test_samples_go_at_the_age_that_the_values_say_and_only_the_compactor_deletes() -> None:
    arguments = container("StatefulSet", "compactor")["args"]
    assert {argument for argument in arguments if "retention" in argument} == {
        "--retention.resolution-raw=90d",
        "--retention.resolution-5m=395d",
        "--retention.resolution-1h=395d",
    }
    assert "--wait" in arguments, "or it would be restarted for ever"


@pytest.mark.parametrize("replicas", [1, 5])
def test_there_is_never_a_second_compactor(replicas: int) -> None:
    values = changed(example("metrics-archive", "prod"), "replicas", replicas)
    compactor = render("metrics-archive", values).one("StatefulSet", "metrics-archive-compactor")
    assert compactor["spec"]["replicas"] == 1


def test_whoever_needs_the_object_store_is_told_where_it_is_and_starts_anew_when_that_changes() -> None:
    settings = yaml.safe_load(archive().one("ConfigMap", "metrics-archive")["data"]["objects.yaml"])
    assert settings == example("metrics-archive", "prod")["objects"]
    for kind, part in (("Deployment", "store"), ("StatefulSet", "compactor")):
        assert "--objstore.config-file=/etc/thanos/objects.yaml" in container(kind, part)["args"]
    moved = changed(example("metrics-archive", "prod"), "objects.config.bucket", "another")
    for kind, part in (("Deployment", "store"), ("StatefulSet", "compactor")):
        now, then = (
            rendered.one(kind, f"metrics-archive-{part}")["spec"]["template"]["metadata"]["annotations"]
            for rendered in (archive(), render("metrics-archive", moved))
        )
        assert now != then


def test_pods_log_in_as_the_service_account_but_not_to_the_api_server() -> None:
    values = changed(example("metrics-archive", "prod"), "podLabels", {"azure.workload.identity/use": "true"})
    rendered = render("metrics-archive", values)
    for workload in (*rendered.all("Deployment"), *rendered.all("StatefulSet")):
        template = workload["spec"]["template"]
        assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
        assert template["spec"]["serviceAccountName"] == "prometheus"
        assert template["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("key", ["access_key", "secret_key", "service_account", "storage_account_key"])
def test_a_credential_has_no_place_in_the_values(key: str) -> None:
    with pytest.raises(Refused, match=key):
        render("metrics-archive", changed(example("metrics-archive", "prod"), f"objects.config.{key}", "x"))


def test_every_part_is_scraped() -> None:
    (monitor,) = archive().all("ServiceMonitor")
    assert monitor["metadata"]["labels"]["team"] == "platform"
    services = archive().all("Service")
    assert len(services) == 3
    for service in services:
        assert matches(monitor["spec"]["selector"], service["metadata"]["labels"])
        assert "http" in {port["name"] for port in service["spec"]["ports"]}

"""The load test's Jobs: their exit code stays, they read and change nothing, and nobody reaches them."""

from pathlib import Path
from typing import Any

import pytest

from loadtest.autoscaling import session
from tests.charts.rendering import Rendered, changed, conforms, example, flows, render
from tests.conftest import ROOT

ROLES = ("master", "worker")
each_role = pytest.mark.parametrize("role", ROLES)


def loadtest(size: str = "prod") -> Rendered:
    return render("loadtest", example("loadtest", size))


def job(rendered: Rendered, role: str) -> dict[str, Any]:
    (found,) = (j for j in rendered.all("Job") if j["metadata"]["labels"]["app.kubernetes.io/component"] == role)
    return dict(found)


def container(rendered: Rendered, role: str) -> dict[str, Any]:
    (only,) = job(rendered, role)["spec"]["template"]["spec"]["containers"]
    return dict(only)


@each_role
def test_the_exit_code_of_the_first_try_is_the_verdict(role: str) -> None:
    spec = job(loadtest(), role)["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] > 0


def test_the_master_waits_for_as_many_workers_as_there_are_and_they_find_it() -> None:
    master, worker = (container(loadtest(), role)["args"] for role in ROLES)
    count = job(loadtest(), "worker")["spec"]["parallelism"]
    assert master[master.index("--expect-workers") + 1] == str(count) == "4"
    service = loadtest().one("Service")
    assert worker[worker.index("--master-host") + 1] == service["metadata"]["name"]
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert job(loadtest(), "master")["spec"]["parallelism"] == 1


@each_role
def test_both_get_the_target_and_the_arguments_of_the_run(role: str) -> None:
    args = container(loadtest(), role)["args"]
    assert args[args.index("--host") + 1] == "https://portal.staging.example.com"
    assert args[-2:] == ["--profile", "autoscale"]


def test_other_values_are_another_run() -> None:
    before = job(loadtest(), "master")["metadata"]["name"]
    after = render("loadtest", changed(example("loadtest", "prod"), "workers", 5))
    assert job(after, "master")["metadata"]["name"] != before
    assert job(loadtest(), "worker")["metadata"]["name"].rpartition("-")[2] == before.rpartition("-")[2]


def test_only_the_master_may_look_at_the_autoscaler_and_it_changes_nothing() -> None:
    rendered = loadtest()
    role = rendered.one("Role", "loadtest")
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}
    assert "secrets" not in {resource for rule in role["rules"] for resource in rule["resources"]}
    (subject,) = rendered.one("RoleBinding", "loadtest")["subjects"]
    assert subject["name"] == job(rendered, "master")["spec"]["template"]["spec"]["serviceAccountName"]
    tokens = {r: job(rendered, r)["spec"]["template"]["spec"]["automountServiceAccountToken"] for r in ROLES}
    assert tokens == {"master": True, "worker": False}


@each_role
def test_the_suite_itself_reads_the_steps_that_the_chart_writes(role: str, tmp_path: Path) -> None:
    file = tmp_path / "autoscaling.yaml"
    file.write_text(loadtest().one("ConfigMap")["data"]["autoscaling.yaml"])
    watched = session.load(file)
    assert (watched.namespace, watched.hpa) == ("developer-portal", "portal-frontend")
    assert [step.replicas for step in watched.load_steps()] == [7, 6]
    (entry,) = (e for e in container(loadtest(), role)["env"] if e["name"] == "LOADTEST_AUTOSCALING")
    mounts = {mount["name"]: mount["mountPath"] for mount in container(loadtest(), role)["volumeMounts"]}
    assert entry["value"] == f"{mounts['autoscaling']}/{file.name}"


def test_the_suite_knows_the_variables_that_the_pods_have() -> None:
    sources = [ROOT / "loadtest" / "options.py", ROOT / "loadtest" / "variables.py"]
    known = "".join(source.read_text() for source in sources)
    for entry in container(loadtest(), "master")["env"]:
        assert f'"{entry["name"]}"' in known


def test_one_account_may_read_one_secret_and_no_pod_runs_as_it() -> None:
    rendered = loadtest()
    (rule,) = rendered.one("Role", "loadtest-token")["rules"]
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["secrets"], ["api-token-load-test"], ["get"])
    store = rendered.one("SecretStore")["spec"]["provider"]["kubernetes"]
    (subject,) = rendered.one("RoleBinding", "loadtest-token")["subjects"]
    assert store["auth"]["serviceAccount"]["name"] == subject["name"]
    accounts = {job(rendered, role)["spec"]["template"]["spec"]["serviceAccountName"] for role in ROLES}
    assert subject["name"] not in accounts


@each_role
def test_the_token_comes_from_the_copied_secret(role: str) -> None:
    (entry,) = (e for e in container(loadtest(), role)["env"] if e["name"] == "PORTAL_TOKEN")
    reference = entry["valueFrom"]["secretKeyRef"]
    external = loadtest().one("ExternalSecret")["spec"]
    assert reference == {"name": external["target"]["name"], "key": external["data"][0]["secretKey"]}


def test_without_a_token_or_an_autoscaler_nothing_of_them_is_there() -> None:
    rendered = loadtest("dev")
    for kind in ("Role", "RoleBinding", "SecretStore", "ExternalSecret"):
        assert rendered.all(kind) == []
    assert [e["name"] for e in container(rendered, "master")["env"]] == ["LOADTEST_REPORT_DIR", "LOADTEST_METRICS_PORT"]
    assert job(rendered, "master")["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_nobody_reaches_it_but_its_own_pods_and_prometheus() -> None:
    received = {flow for flow in flows(loadtest().one("NetworkPolicy")) if flow[0] == "ingress"}
    assert received == {("ingress", "loadtest", "TCP/5557"), ("ingress", "namespace monitoring", "TCP/9646")}


def test_prometheus_reads_the_run_at_its_own_pace() -> None:
    """Seconds matter in a run of minutes."""
    monitor = loadtest().one("PodMonitor")
    assert monitor["metadata"]["labels"]["team"] == "platform"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    ports = {port["name"]: port["containerPort"] for port in container(loadtest(), "master")["ports"]}
    (entry,) = (e for e in container(loadtest(), "master")["env"] if e["name"] == "LOADTEST_METRICS_PORT")
    assert str(ports[endpoint["port"]]) == entry["value"]
    assert "ports" not in container(loadtest(), "worker")
    labels = job(loadtest(), "master")["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert int(endpoint["interval"].removesuffix("s")) <= 10


@pytest.mark.parametrize("size", ["dev", "prod"])
def test_every_object_has_the_form_that_its_api_demands(size: str) -> None:
    assert {finding["status"] for finding in conforms(loadtest(size).text)} == {"statusValid"}

"""The load test's Jobs: their exit code stays, they read and change nothing, and nobody reaches them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtest.autoscaling import session
from loadtest.options import MEASURE
from loadtest.shapes.profiles import PROFILES, SEARCH_SECONDS, calibrating
from tests.charts.rendering import Refused, Rendered, changed, conforms, example, flows, render
from tests.conftest import ROOT

ROLES = ("master", "worker")
each_role = pytest.mark.parametrize("role", ROLES)


def loadtest(size: str = "prod") -> Rendered:
    return render("loadtest", example("loadtest", size))


def calibrated(**calibration: Any) -> Rendered:
    """Steps are worked out, not given."""
    autoscaler = {"namespace": "developer-portal", "hpa": "portal-frontend", "calibration": calibration}
    return render("loadtest", changed(example("loadtest", "prod"), "autoscaler", autoscaler))


def job(rendered: Rendered, role: str) -> dict[str, Any]:
    (found,) = (j for j in rendered.all("Job") if j["metadata"]["labels"]["app.kubernetes.io/component"] == role)
    return dict(found)


def container(rendered: Rendered, role: str) -> dict[str, Any]:
    (only,) = job(rendered, role)["spec"]["template"]["spec"]["containers"]
    return dict(only)


def variables(rendered: Rendered, role: str) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container(rendered, role)["env"]}


@each_role
def test_the_exit_code_of_the_first_try_is_the_verdict(role: str) -> None:
    spec = job(loadtest(), role)["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] > 0


@each_role
def test_no_autoscaler_of_nodes_moves_a_run_in_progress(role: str) -> None:
    annotations = job(loadtest(), role)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


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
    mounts = {mount["name"]: mount["mountPath"] for mount in container(loadtest(), role)["volumeMounts"]}
    assert variables(loadtest(), role)["LOADTEST_AUTOSCALING"] == f"{mounts['autoscaling']}/{file.name}"


@each_role
def test_a_calibration_is_measured_at_the_rate_that_the_values_say(role: str, tmp_path: Path) -> None:
    rendered = calibrated(rate_rps=2.5, climb=[8, 12], hold_seconds=200)
    told = variables(rendered, role)
    assert (told["LOADTEST_CALIBRATION"], told["LOADTEST_RATE"]) == (MEASURE, "2.5")
    file = tmp_path / "autoscaling.yaml"
    file.write_text(rendered.one("ConfigMap")["data"]["autoscaling.yaml"])
    watched = session.load(file)
    assert (watched.steps, watched.climb, watched.hold_seconds) == (None, (8, 12), 200)


@each_role
def test_a_calibration_of_an_earlier_run_is_read_from_the_config_map_that_the_values_name(role: str) -> None:
    rendered = calibrated(config_map="calibration-2026")
    volumes = {each["name"]: each for each in job(rendered, role)["spec"]["template"]["spec"]["volumes"]}
    own, earlier = (source["configMap"] for source in volumes["autoscaling"]["projected"]["sources"])
    assert own["name"] == rendered.one("ConfigMap")["metadata"]["name"]
    assert earlier["name"] == "calibration-2026"
    (item,) = earlier["items"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(rendered, role)["volumeMounts"]}
    assert variables(rendered, role)["LOADTEST_CALIBRATION"] == f"{mounts['autoscaling']}/{item['path']}"
    assert "LOADTEST_RATE" not in variables(rendered, role)


def measuring_seconds(*, measures: bool) -> float:
    """Of the suite itself, before its first step."""
    plan = calibrating(rate_rps=5, measures=measures, time_scale=1, arrivals="constant", users=None, seed=0)
    assert plan.end_seconds is not None
    return plan.end_seconds


@pytest.mark.parametrize(
    ("rendered", "known_seconds"),
    [
        (lambda: loadtest("dev"), 0),
        (lambda: render("loadtest", example("loadtest", "prod") | {"arguments": ["--profile", "soak"]}), 300 + 1200),
        (loadtest, 300 + 1200),
        (lambda: calibrated(rate_rps=5), measuring_seconds(measures=True)),
        (lambda: calibrated(rate_rps=5, climb=[8, 12], hold_seconds=900), measuring_seconds(measures=True) + 3 * 900),
        (lambda: calibrated(config_map="a-report"), measuring_seconds(measures=False)),
    ],
    ids=["no autoscaler", "steps", "steps instead of a profile", "measured", "climb", "earlier"],
)
@each_role
def test_a_run_has_two_hours_beyond_what_its_plan_is_known_to_take(
    rendered: Callable[[], Rendered], known_seconds: float, role: str
) -> None:
    assert job(rendered(), role)["spec"]["activeDeadlineSeconds"] == known_seconds + 7200


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        *((("--profile", name), profile.seconds) for name, profile in PROFILES.items()),
        (("--profile=breakpoint", "PortalHealth"), SEARCH_SECONDS),
        (("--profile", "soak", "--run-time", "1h30m"), 5400),
        (("--run-time=90m", "--profile", "soak"), 5400),
        (("-t", "600", "--rate", "8"), 600),
        (("-t45s",), 45),
        (("--rate", "8"), 0),
    ],
)
def test_no_deadline_ends_a_profile_before_its_time(arguments: tuple[str, ...], seconds: float) -> None:
    values = example("loadtest", "dev") | {"arguments": list(arguments)}
    assert job(render("loadtest", values), "master")["spec"]["activeDeadlineSeconds"] == seconds + 7200


def test_a_host_is_production_unless_the_values_deny_it() -> None:
    unsaid = {name: value for name, value in example("loadtest", "dev").items() if name != "production"}
    assert "LOADTEST_PRODUCTION_HOST" not in variables(render("loadtest", unsaid), "master")
    assert variables(loadtest("dev"), "master")["LOADTEST_PRODUCTION_HOST"] == "none"


def test_a_deadline_that_comes_before_the_end_of_the_plan_is_refused() -> None:
    values = example("loadtest", "prod")
    assert (
        job(render("loadtest", {**values, "deadlineSeconds": 1500}), "master")["spec"]["activeDeadlineSeconds"] == 1500
    )
    with pytest.raises(Refused, match=r"deadlineSeconds = 1499 would end the run before .*, which take 1500 s"):
        render("loadtest", {**values, "deadlineSeconds": 1499})


def test_the_master_stays_until_its_report_is_taken_and_no_deadline_ends_that() -> None:
    values = {**example("loadtest", "prod"), "keepReportSeconds": 3600}
    kept = render("loadtest", values)
    assert variables(kept, "master")["LOADTEST_KEEP_REPORT_SECONDS"] == "3600"
    assert "LOADTEST_KEEP_REPORT_SECONDS" not in variables(kept, "worker")
    assert job(kept, "master")["spec"]["activeDeadlineSeconds"] == 1500 + 3600 + 7200
    with pytest.raises(Refused, match=r"deadlineSeconds = 5099 would end the run before .* keepReportSeconds"):
        render("loadtest", {**values, "deadlineSeconds": 5099})


@pytest.mark.parametrize(
    "autoscaler",
    [
        {},
        {"calibration": {"rate_rps": 5}, "steps": [{"replicas": 7, "rate_rps": 120, "hold_seconds": 300}]},
        {"calibration": {}},
        {"calibration": {"climb": [7]}},
        {"calibration": {"rate_rps": 5, "config_map": "a-report"}},
    ],
)
def test_what_the_autoscaler_follows_must_be_said_in_one_way(autoscaler: dict[str, Any]) -> None:
    named = {"namespace": "developer-portal", "hpa": "portal-frontend", **autoscaler}
    with pytest.raises(Refused, match="'oneOf' failed"):
        render("loadtest", changed(example("loadtest", "prod"), "autoscaler", named))


@pytest.mark.parametrize("rendered", [loadtest, lambda: calibrated(rate_rps=5)], ids=["steps", "calibration"])
def test_the_suite_knows_the_variables_that_the_pods_have(rendered: Callable[[], Rendered]) -> None:
    sources = [ROOT / "loadtest" / "options.py", ROOT / "loadtest" / "variables.py"]
    known = "".join(source.read_text() for source in sources)
    for name in variables(rendered(), "master"):
        assert f'"{name}"' in known


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
    assert variables(rendered, "master").keys() == {
        "LOADTEST_REPORT_DIR",
        "LOADTEST_METRICS_PORT",
        "LOADTEST_KEEP_REPORT_SECONDS",
        "LOADTEST_PRODUCTION_HOST",
    }
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
    assert str(ports[endpoint["port"]]) == variables(loadtest(), "master")["LOADTEST_METRICS_PORT"]
    assert "ports" not in container(loadtest(), "worker")
    labels = job(loadtest(), "master")["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert int(endpoint["interval"].removesuffix("s")) <= 10


@pytest.mark.parametrize("calibration", [{"rate_rps": 5}, {"config_map": "a-report"}])
def test_a_calibration_has_the_form_that_its_apis_demand(calibration: dict[str, Any]) -> None:
    assert {finding["status"] for finding in conforms(calibrated(**calibration).text)} == {"statusValid"}

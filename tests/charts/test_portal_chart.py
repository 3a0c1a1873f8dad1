"""How the portal's applications run."""

import re
from functools import cache
from typing import Any

import pytest
import yaml

from tests.charts.rendering import (
    ROOT,
    SIZES,
    Object,
    Refused,
    Rendered,
    changed,
    conforms,
    example,
    flows,
    matches,
    render,
)

FRONTEND, BACKEND = "portal-frontend", "backstage-backend"

KEYS = {FRONTEND: "frontend", BACKEND: "backend"}
"""Each application, and the key of its values."""

each_app = pytest.mark.parametrize("app", KEYS)
each_size = pytest.mark.parametrize("size", SIZES)


@cache
def portal(size: str) -> Rendered:
    return render("portal", example("portal", size))


def with_replicas(app: str, least: int, most: int) -> Rendered:
    return render("portal", changed(example("portal", "prod"), f"{KEYS[app]}.replicas", {"min": least, "max": most}))


def pod(rendered: Rendered, app: str) -> dict[str, Any]:
    spec: dict[str, Any] = rendered.one("Deployment", app)["spec"]["template"]["spec"]
    return spec


def container(rendered: Rendered, app: str) -> dict[str, Any]:
    (only,) = pod(rendered, app)["containers"]
    assert isinstance(only, dict)
    return only


def app_config(rendered: Rendered) -> tuple[str, dict[str, Any]]:
    (text,) = rendered.one("ConfigMap", BACKEND)["data"].values()
    return text, yaml.safe_load(text)


def autoscaler_of(rendered: Rendered, app: str) -> list[Object]:
    return [hpa for hpa in rendered.all("HorizontalPodAutoscaler") if hpa["spec"]["scaleTargetRef"]["name"] == app]


@each_app
@pytest.mark.parametrize(("least", "most"), [(1, 2), (6, 12)])
def test_where_replicas_may_grow_the_autoscaler_alone_decides_their_number(app: str, least: int, most: int) -> None:
    rendered = with_replicas(app, least, most)
    (hpa,) = autoscaler_of(rendered, app)
    assert (hpa["spec"]["minReplicas"], hpa["spec"]["maxReplicas"]) == (least, most)
    assert "replicas" not in rendered.one("Deployment", app)["spec"]


@each_app
@pytest.mark.parametrize("count", [1, 6])
def test_a_fixed_number_of_replicas_has_no_autoscaler(app: str, count: int) -> None:
    rendered = with_replicas(app, count, count)
    assert autoscaler_of(rendered, app) == []
    assert rendered.one("Deployment", app)["spec"]["replicas"] == count


@each_app
def test_fewest_above_most_is_refused(app: str) -> None:
    with pytest.raises(Refused, match=rf"{KEYS[app]}.replicas.min = 7 is above {KEYS[app]}.replicas.max = 6"):
        with_replicas(app, 7, 6)


def test_the_autoscaler_scales_as_the_guide_says() -> None:
    """Guide, "Auto-scaling Configuration"."""
    (hpa,) = autoscaler_of(portal("prod"), FRONTEND)
    targets = {metric["resource"]["name"]: metric["resource"]["target"] for metric in hpa["spec"]["metrics"]}
    up, down = hpa["spec"]["behavior"]["scaleUp"], hpa["spec"]["behavior"]["scaleDown"]

    assert targets == {
        "cpu": {"type": "Utilization", "averageUtilization": 70},
        "memory": {"type": "Utilization", "averageUtilization": 80},
    }
    assert (up["stabilizationWindowSeconds"], up["selectPolicy"]) == (0, "Max")
    assert {(p["type"], p["value"], p["periodSeconds"]) for p in up["policies"]} == {
        ("Percent", 100, 15),
        ("Pods", 4, 15),
    }
    assert down["stabilizationWindowSeconds"] == 300
    assert [(p["type"], p["value"], p["periodSeconds"]) for p in down["policies"]] == [("Percent", 10, 60)]


@each_app
@pytest.mark.parametrize(("least", "budgets"), [(1, 0), (2, 1)])
def test_a_budget_guards_an_application_that_has_a_pod_to_spare(app: str, least: int, budgets: int) -> None:
    rendered = with_replicas(app, least, 12)
    labels = rendered.one("Deployment", app)["spec"]["template"]["metadata"]["labels"]
    guarding = [b for b in rendered.all("PodDisruptionBudget") if matches(b["spec"]["selector"], labels)]
    assert len(guarding) == budgets
    assert all(budget["spec"]["maxUnavailable"] == 1 for budget in guarding)


def test_development_has_neither_autoscaler_nor_budget() -> None:
    assert portal("dev").all("HorizontalPodAutoscaler") == portal("dev").all("PodDisruptionBudget") == []


@each_size
@each_app
def test_pods_pass_the_restricted_level(app: str, size: str) -> None:
    """Kubernetes, "Pod Security Standards", and on top: no root file system to write to, no token."""
    spec = pod(portal(size), app)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all(
        volume.keys() & {"emptyDir", "configMap", "persistentVolumeClaim", "secret"} for volume in spec["volumes"]
    )
    for each in (*spec.get("initContainers", ()), *spec["containers"]):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@each_app
def test_no_pod_gets_a_token(app: str) -> None:
    assert pod(portal("prod"), app)["automountServiceAccountToken"] is False
    account = portal("prod").one("ServiceAccount", pod(portal("prod"), app)["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False


def test_what_has_to_be_written_is_on_a_volume() -> None:
    for app, paths in ((FRONTEND, {"/tmp", "/app/.next/cache"}), (BACKEND, {"/tmp"})):
        scratch = {volume["name"] for volume in pod(portal("prod"), app)["volumes"] if "emptyDir" in volume}
        mounts = {m["mountPath"] for m in container(portal("prod"), app)["volumeMounts"] if m["name"] in scratch}
        assert mounts == paths


@each_size
@each_app
def test_every_container_has_the_size_of_the_matrix(app: str, size: str) -> None:
    expected = example("portal", size)[KEYS[app]]["resources"]
    assert container(portal(size), app)["resources"] == {"requests": expected, "limits": expected}


@each_app
def test_images_come_by_digest(app: str) -> None:
    assert re.fullmatch(r"[^@:]+@sha256:[0-9a-f]{64}", container(portal("prod"), app)["image"])


@pytest.mark.parametrize("delay", [5, 120])
def test_the_grace_period_outlasts_draining_and_the_shutdown_delay(delay: int) -> None:
    rendered = render("portal", changed(example("portal", "prod"), "shutdown.backendDelaySeconds", delay))
    configured = app_config(rendered)[1]["backend"]["lifecycle"]["serverShutdownDelay"]
    assert configured == f"{delay}s"
    for app, own in ((FRONTEND, 0), (BACKEND, delay)):
        drain = container(rendered, app)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert drain > 0
        assert pod(rendered, app)["terminationGracePeriodSeconds"] > drain + own


@each_app
def test_a_new_version_never_lowers_the_number_of_pods(app: str) -> None:
    assert portal("prod").one("Deployment", app)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(
    ("app", "served", "alive", "ready"),
    [
        (FRONTEND, {"http": 4400}, "/api/health", "/api/health/ready"),
        (BACKEND, {"http": 7007, "metrics": 9464}, "/.backstage/health/v1/liveness", "/.backstage/health/v1/readiness"),
    ],
)
def test_each_service_sends_to_the_pods_of_its_application(
    app: str, served: dict[str, int], alive: str, ready: str
) -> None:
    service = portal("prod").one("Service", app)["spec"]
    selected = [
        deployment["metadata"]["name"]
        for deployment in portal("prod").all("Deployment")
        if matches({"matchLabels": service["selector"]}, deployment["spec"]["template"]["metadata"]["labels"])
    ]
    only = container(portal("prod"), app)
    ports = {named["name"]: named["containerPort"] for named in only["ports"]}
    assert selected == [app]
    assert {entry["name"]: entry["port"] for entry in service["ports"]} == served
    assert {entry["name"]: ports[entry["targetPort"]] for entry in service["ports"]} == served
    assert only["livenessProbe"]["httpGet"] == {"path": alive, "port": "http"}
    assert only["readinessProbe"]["httpGet"] == {"path": ready, "port": "http"}


def test_the_backend_has_time_to_migrate_its_database_before_it_is_judged() -> None:
    probe = container(portal("prod"), BACKEND)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


def test_the_frontend_is_told_where_the_backend_is() -> None:
    environment = {entry["name"]: entry["value"] for entry in container(portal("prod"), FRONTEND)["env"]}
    service = portal("prod").one("Service", BACKEND)
    assert environment["BACKSTAGE_BACKEND_URL"] == f"http://{BACKEND}:{service['spec']['ports'][0]['port']}"
    assert environment["PORT"] == str(container(portal("prod"), FRONTEND)["ports"][0]["containerPort"])


def test_every_variable_of_the_configuration_is_set() -> None:
    text, _ = app_config(portal("prod"))
    wanted = set(re.findall(r"\$\{(\w+)\}", text))
    secrets = {
        entry["name"]: (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for entry in container(portal("prod"), BACKEND)["env"]
        if "valueFrom" in entry
    }
    assert wanted == secrets.keys()
    assert secrets["PORTAL_DATABASE_PASSWORD"] == ("postgres-cluster-app", "password")
    assert secrets["BACKSTAGE_CACHE_PASSWORD"] == ("backstage-cache", "password")
    assert "BACKSTAGE_DATABASE_PASSWORD" not in secrets, "it logs in by identity"
    assert secrets["SIGN_IN_CLIENT_SECRET"] == ("sign-in", "client-secret")
    assert secrets["SESSION_SECRET"] == ("portal-session", "secret")
    assert secrets["API_TOKEN_LOAD_TEST"] == ("api-token-load-test", "token")


def test_people_sign_in_at_the_provider_that_is_named() -> None:
    auth = app_config(portal("prod"))[1]["auth"]
    assert list(auth["providers"]) == ["oidc"]
    provider = auth["providers"]["oidc"][auth["environment"]]
    assert provider["metadataUrl"] == "https://login.example.com/realms/company/.well-known/openid-configuration"
    assert provider["clientSecret"] == "${SIGN_IN_CLIENT_SECRET}"
    assert auth["session"]["secret"] == "${SESSION_SECRET}"


def test_a_provider_sends_people_back_by_the_frontends_way_to_the_backend() -> None:
    """Backstage's own guess, `/api/auth`, leads to a page of the frontend that is not there."""
    config, domain = app_config(portal("prod"))[1], example("portal", "prod")["domain"]
    (endpoint,) = config["discovery"]["endpoints"]
    assert endpoint["plugins"] == ["*"]
    # Plugins among themselves stay inside: no `internal`.
    assert endpoint["target"] == {"external": f"https://{domain}/api/backstage/{{{{pluginId}}}}"}
    back = endpoint["target"]["external"].replace("{{pluginId}}", "auth") + "/oidc/handler/frame"
    runbook = (ROOT / "docs/runbooks/write-secret.md").read_text(encoding="utf-8")
    assert back.replace(domain, "portal.example.com") in runbook


def test_guests_come_in_only_where_values_say_so() -> None:
    auth = app_config(portal("dev"))[1]["auth"]
    # Without this Backstage refuses them where NODE_ENV is production, which it is everywhere.
    assert auth["providers"] == {"guest": {"dangerouslyAllowOutsideDevelopment": True}}
    assert "session" not in auth


def test_programs_have_a_token_each_and_nobody_else_has_one() -> None:
    (access,) = app_config(portal("prod"))[1]["backend"]["auth"]["externalAccess"]
    assert access == {"type": "static", "options": {"token": "${API_TOKEN_LOAD_TEST}", "subject": "load-test"}}
    assert "auth" not in app_config(portal("dev"))[1]["backend"]


def test_the_search_index_is_made_again_and_again() -> None:
    """Backstage's default looks once, at a catalog that is half loaded, and keeps that."""
    schedule = app_config(portal("dev"))[1]["search"]["collators"]["catalog"]["schedule"]
    assert schedule["frequency"]["minutes"] <= 15
    assert schedule["initialDelay"]["minutes"] > 0


def test_nothing_migrates_the_database_but_the_backend_itself() -> None:
    assert portal("prod").all("Job") == []
    assert "helm.sh/hook" not in portal("prod").text


def test_metrics_are_served_where_the_pods_say() -> None:
    environment = {entry["name"]: entry.get("value") for entry in container(portal("prod"), BACKEND)["env"]}
    (port,) = (p["containerPort"] for p in container(portal("prod"), BACKEND)["ports"] if p["name"] == "metrics")
    assert environment["OTEL_EXPORTER_PROMETHEUS_PORT"] == str(port)
    assert environment["OTEL_EXPORTER_PROMETHEUS_HOST"] == "0.0.0.0"


@pytest.mark.parametrize(("memory", "heap"), [("4Gi", 1843), ("512Mi", 230)])
@each_app
def test_the_heap_is_bounded_by_the_containers_memory(app: str, memory: str, heap: int) -> None:
    component = "frontend" if app == FRONTEND else "backend"
    rendered = render("portal", changed(example("portal", "prod"), f"{component}.resources.memory", memory))
    options = {entry["name"]: entry.get("value") for entry in container(rendered, app)["env"]}["NODE_OPTIONS"]
    assert options == f"--max-old-space-size={heap}"


def test_the_backend_keeps_all_plugins_in_one_database_over_verified_tls() -> None:
    database = app_config(portal("prod"))[1]["backend"]["database"]
    assert (database["client"], database["pluginDivisionMode"], database["ensureSchemaExists"]) == (
        "pg",
        "schema",
        True,
    )

    for size, source in (("dev", "secret"), ("prod", "configMap")):
        file = app_config(portal(size))[1]["backend"]["database"]["connection"]["ssl"]["ca"]["$file"]
        mounts = container(portal(size), BACKEND)["volumeMounts"]
        (mount,) = [m for m in mounts if file.startswith(m["mountPath"] + "/")]
        (volume,) = [v for v in pod(portal(size), BACKEND)["volumes"] if v["name"] == mount["name"]]
        assert source in volume, "inside the cluster the operator's authority, outside the cloud's"
    assert "BEGIN CERTIFICATE" in portal("prod").one("ConfigMap", volume["configMap"]["name"])["data"]["ca.crt"]


def test_a_managed_database_is_entered_by_identity_and_a_managed_cache_as_a_cluster_over_tls() -> None:
    backend = app_config(portal("prod"))[1]["backend"]
    connection = backend["database"]["connection"]
    assert (connection["type"], connection["region"], connection["port"]) == ("rds", "eu-west-1", 5432)
    assert "password" not in connection
    cluster = backend["cache"]["redis"]["cluster"]
    assert cluster["rootNodes"] == [{"url": "rediss://clustercfg.portal-prod.abc.euw1.cache.amazonaws.com:6379"}]
    assert cluster["defaults"]["socket"] == {"tls": True}
    assert cluster["defaults"]["password"] == "${BACKSTAGE_CACHE_PASSWORD}"


def test_the_portals_own_plugins_have_stores_of_their_own() -> None:
    config = app_config(portal("prod"))[1]
    assert config["portal"]["database"]["connection"]["database"] == "idp_portal"
    assert config["portal"]["cache"]["connection"].endswith("@redis-failover-master:6379")


def test_replicas_share_one_folder_of_techdocs_that_outlives_them() -> None:
    techdocs = app_config(portal("prod"))[1]["techdocs"]
    folder = techdocs["publisher"]["local"]["publishDirectory"]
    (mount,) = [m for m in container(portal("prod"), BACKEND)["volumeMounts"] if m["mountPath"] == folder]
    (volume,) = [v for v in pod(portal("prod"), BACKEND)["volumes"] if v["name"] == mount["name"]]
    claim = portal("prod").one("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
    persistent = portal("prod").one("PersistentVolume", claim["spec"]["volumeName"])
    assert persistent["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert persistent["spec"]["accessModes"] == claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert "techdocs" not in app_config(portal("dev"))[1]


def test_plugins_are_told_where_their_packages_lie() -> None:
    assert app_config(portal("prod"))[1]["portal"]["artifacts"] == {
        "type": "s3",
        "bucket": "portal-prod-artifacts",
        "region": "eu-west-1",
    }
    assert "artifacts" not in app_config(portal("dev"))[1]["portal"]


def test_the_backend_listens_where_its_service_sends_and_answers_for_the_domain() -> None:
    backend = app_config(portal("prod"))[1]["backend"]
    assert backend["listen"]["port"] == container(portal("prod"), BACKEND)["ports"][0]["containerPort"]
    assert backend["baseUrl"] == "https://portal.example.com"


@pytest.mark.parametrize(
    ("path", "value", "restarts"),
    [
        ("domain", "portal.example.org", True),
        ("caches.portal.host", "other-master", True),
        ("shutdown.backendDelaySeconds", 6, True),
        # Read once, when a connection is configured.
        ("databases.backstage.authority", "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n", True),
        ("databases.backstage.cidrs", ["10.30.50.0/24"], False),
        ("network.backendToInternet", False, False),
        ("frontend.resources.cpu", "1", False),
    ],
)
def test_a_changed_configuration_restarts_the_backend_and_nothing_else_does(
    path: str, value: Any, restarts: bool
) -> None:
    before = portal("prod").one("Deployment", BACKEND)["spec"]["template"]["metadata"]
    after = render("portal", changed(example("portal", "prod"), path, value)).one("Deployment", BACKEND)
    assert (after["spec"]["template"]["metadata"] != before) is restarts


@each_app
def test_the_chart_version_is_not_on_the_pods(app: str) -> None:
    assert "helm.sh/chart" not in portal("prod").one("Deployment", app)["spec"]["template"]["metadata"]["labels"]


@each_app
def test_pods_spread_over_zones_and_nodes(app: str) -> None:
    template = portal("prod").one("Deployment", app)["spec"]["template"]
    constraints = template["spec"]["topologySpreadConstraints"]
    assert {c["topologyKey"] for c in constraints} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(matches(c["labelSelector"], template["metadata"]["labels"]) for c in constraints)
    # A cluster without zones, such as a laptop's, has to schedule them too.
    assert {c["whenUnsatisfiable"] for c in constraints} == {"ScheduleAnyway"}


@each_app
def test_pods_of_a_new_version_keep_away_from_the_nodes_of_the_old_one(app: str) -> None:
    template = portal("prod").one("Deployment", app)["spec"]["template"]
    (preferred,) = template["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    term = preferred["podAffinityTerm"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert matches(term["labelSelector"], template["metadata"]["labels"])


def test_a_plugin_that_does_nothing_holds_no_connection() -> None:
    """Knex would hold two for each plugin and pod, and a pooler that keeps sessions could lend them to nobody."""
    pool = app_config(portal("prod"))[1]["backend"]["database"]["knexConfig"]["pool"]
    assert pool["min"] == 0
    assert pool["max"] >= 2
    assert pool["idleTimeoutMillis"] <= 30_000


@each_app
def test_pods_choose_nodes_only_where_nodes_are_labelled(app: str) -> None:
    assert pod(portal("prod"), app)["nodeSelector"] == {"workload-type": "application"}
    assert "nodeSelector" not in pod(portal("dev"), app)


DNS = {("egress", "namespace kube-system", f"{protocol}/53") for protocol in ("TCP", "UDP")}
OTHER_DNS = {
    ("egress", resolver, f"{protocol}/53")
    for resolver in ("169.254.20.10/32", "169.254.169.254/32")
    for protocol in ("TCP", "UDP")
}
STORES = {
    ("egress", "postgres-cluster", "TCP/5432"),
    ("egress", "redis-failover", "TCP/6379"),
}
POOLER = {("egress", "postgres-cluster-pooler", "TCP/5432")}
OUTSIDE = {
    *(("egress", cidr, f"TCP/{port}") for cidr in ("10.30.48.0/24", "10.30.49.0/24") for port in (5432, 6379)),
    ("egress", "169.254.170.23/32", "TCP/80"),
}
INTERNET = {
    ("egress", "0.0.0.0/0 -10.0.0.0/8 -100.64.0.0/10 -169.254.0.0/16 -172.16.0.0/12 -192.168.0.0/16", "TCP/443"),
}


@each_app
def test_prometheus_finds_and_may_read_the_metrics_of_each_application(app: str) -> None:
    monitor, service = portal("dev").one("ServiceMonitor", app), portal("dev").one("Service", app)
    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["metadata"]["labels"]["team"] == "platform"
    assert matches(monitor["spec"]["selector"], service["metadata"]["labels"])
    assert endpoint["path"] == {FRONTEND: "/api/metrics", BACKEND: "/metrics"}[app]
    (port,) = [entry["port"] for entry in service["spec"]["ports"] if entry["name"] == endpoint["port"]]
    assert ("ingress", "namespace monitoring", f"TCP/{port}") in flows(portal("dev").one("NetworkPolicy", app))


def test_the_frontend_talks_to_its_callers_prometheus_the_backend_and_resolvers_only() -> None:
    assert flows(portal("prod").one("NetworkPolicy", FRONTEND)) == {
        # The proxy's port, which shows the application's metrics too.
        ("ingress", "namespace monitoring", "TCP/15020"),
        ("ingress", "namespace istio-ingress", "TCP/4400"),
        ("egress", BACKEND, "TCP/7007"),
        *DNS,
        *OTHER_DNS,
    }


def test_without_named_callers_only_prometheus_reaches_the_frontend() -> None:
    received = {flow for flow in flows(portal("dev").one("NetworkPolicy", FRONTEND)) if flow[0] == "ingress"}
    assert received == {("ingress", "namespace monitoring", "TCP/4400")}


def test_the_backend_talks_to_the_frontend_prometheus_its_stores_and_resolvers_only() -> None:
    own = {("ingress", FRONTEND, "TCP/7007"), *STORES, *DNS}
    metrics, merged = (("ingress", "namespace monitoring", f"TCP/{port}") for port in (9464, 15020))
    assert flows(portal("dev").one("NetworkPolicy", BACKEND)) == own | {metrics}
    assert (
        flows(portal("prod").one("NetworkPolicy", BACKEND)) == own | {merged} | POOLER | OTHER_DNS | INTERNET | OUTSIDE
    )


@each_app
def test_a_policy_covers_each_application_and_no_other(app: str) -> None:
    labels = portal("prod").one("Deployment", app)["spec"]["template"]["metadata"]["labels"]
    policies = portal("prod").all("NetworkPolicy")
    assert [p["metadata"]["name"] for p in policies if matches(p["spec"]["podSelector"], labels)] == [app]


def test_every_combination_of_optional_parts_is_valid() -> None:
    values = changed(example("portal", "dev"), "frontend.replicas", {"min": 1, "max": 3})
    values = changed(values, "network", {**values["network"], "frontendFrom": ["edge"], "dnsCidrs": []})
    assert {finding["status"] for finding in conforms(render("portal", values).text)} == {"statusValid"}


def test_a_time_scale_divides_all_of_an_autoscalers_times_and_nothing_else() -> None:
    def times(scale: int) -> tuple[Any, list[int]]:
        rendered = render("portal", changed(example("portal", "prod"), "hpa.timeScale", scale))
        (hpa,) = autoscaler_of(rendered, FRONTEND)
        behavior = hpa["spec"].pop("behavior")
        periods = [policy.pop("periodSeconds") for rules in behavior.values() for policy in rules["policies"]]
        windows = [rules.pop("stabilizationWindowSeconds") for rules in behavior.values()]
        return (hpa["spec"], behavior), [*periods, *windows]

    (rest, whole), (same, fifth) = times(1), times(5)
    assert whole == [60, 15, 15, 300, 0]
    assert fifth == [12, 3, 3, 60, 0]
    assert rest == same

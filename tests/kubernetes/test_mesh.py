"""The mesh: who may call whom by identity, what is never sent twice, and what comes before what."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import pytest
import yaml

from portal.kubernetes import mesh
from portal.kubernetes.contract import CloudServices, Cluster, Ingress, KubeconfigAccess
from portal.kubernetes.traffic import Flow
from portal.spec.loader import Environments
from tests.conftest import StackOf
from tests.kubernetes.actors import pods
from tests.kubernetes.network import selects
from tests.kubernetes.rendered import Placed, namespaces, placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack

MESHED = tuple(name for name in EVERY_STACK if name != "local")
OWN_CONTROL_PLANE = tuple(name for name in MESHED if not name.endswith("-gcp"))

ACCOUNTS = {
    "portal-frontend": ("developer-portal", "portal-frontend"),
    "backstage-backend": ("developer-portal", "backstage-backend"),
    "redis-failover": ("developer-portal", "redis-failover"),
    "redis-failover-s": ("developer-portal", "redis-failover"),
    "redis-operator": ("redis-operator", "redis-operator"),
    "gateway": ("istio-ingress", "gateway"),
}
"""Namespace and service account of every member. Nobody else has an identity."""

STRANGER = "stranger"

ALLOWED = {
    ("gateway", "portal-frontend", 4400),
    ("portal-frontend", "backstage-backend", 7007),
    ("backstage-backend", "redis-failover", 6379),
    ("redis-failover-s", "redis-failover", 6379),
    ("redis-operator", "redis-failover", 6379),
    # Servers and Sentinel share an account; network policies tell them apart.
    ("redis-failover", "redis-failover-s", 26379),
    ("redis-operator", "redis-failover-s", 26379),
    # Metrics, in plain text: everybody's identity or none will do.
    *((caller, "redis-failover", 9121) for caller in (*ACCOUNTS, STRANGER) if caller != "redis-failover"),
    *((caller, "redis-operator", 8080) for caller in (*ACCOUNTS, STRANGER) if caller != "redis-operator"),
}
"""Caller, callee and port: all that the policies allow. The gateway's own door is tested apart."""

PORTS = (4400, 7007, 6379, 26379, 9121, 8080, 9464, 15012, 12345)


def callee(stack: SynthesizedStack, name: str) -> tuple[str, dict[str, str]]:
    actor = next(actor for actor in pods(stack) if actor.name == name)
    return actor.namespace, dict(actor.labels)


def policies_for(stack: SynthesizedStack, namespace: str, labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    for each in placed(stack, "AuthorizationPolicy"):
        if each.namespace == namespace and selects(each.spec.get("selector") or {}, labels):
            yield each.spec


def allows(spec: dict[str, Any], principal: str, port: int) -> bool:
    """Source: Istio, "Authorization Policy": a rule matches if one of `from` and one of `to` do."""
    return any(
        _one_of(rule.get("from"), lambda source: any(fnmatchcase(principal, p) for p in source["source"]["principals"]))
        and _one_of(rule.get("to"), lambda to: str(port) in to["operation"]["ports"])
        for rule in spec.get("rules", ())
    )


def _one_of(entries: Any, matches: Any) -> bool:
    return entries is None or any(map(matches, entries))


@pytest.mark.parametrize("name", MESHED)
def test_members_call_what_the_table_says_and_nothing_else(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    found = set()
    for target in ACCOUNTS:
        if target == "gateway":
            continue
        namespace, labels = callee(synthesized, target)
        applying = list(policies_for(synthesized, namespace, labels))
        assert {} in applying, f"{target} is under no default deny"
        for caller in (*ACCOUNTS, STRANGER):
            account = ACCOUNTS.get(caller)
            principal = "cluster.local/ns/{}/sa/{}".format(*account) if account else ""
            found |= {
                (caller, target, port)
                for port in PORTS
                if caller != target and any(allows(spec, principal, port) for spec in applying)
            }
    print(*sorted(found), sep="\n")
    assert found == ALLOWED


@pytest.mark.parametrize("name", MESHED)
def test_every_member_is_under_strict_mutual_tls(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    members = [actor for actor in pods(synthesized) if actor.labels.get("sidecar.istio.io/inject") == "true"]
    assert {actor.name.removesuffix("-2") for actor in members} == set(ACCOUNTS) - {"gateway"}
    strict = {each.namespace for each in placed(synthesized, "PeerAuthentication") if "selector" not in each.spec}
    assert {actor.namespace for actor in members} <= strict
    for each in placed(synthesized, "PeerAuthentication"):
        assert each.spec["mtls"] == {"mode": "STRICT"}
        # One port each, which only shows metrics.
        assert set(each.spec.get("portLevelMtls", {})) <= {9121, 8080}


@pytest.mark.parametrize("name", MESHED)
def test_what_brings_its_own_tls_stays_outside(stack: StackOf, name: str) -> None:
    for actor in pods(stack(name)):
        if "postgres" in actor.name:
            assert "sidecar.istio.io/inject" not in actor.labels


def routes(stack: SynthesizedStack) -> Iterator[tuple[Placed, dict[str, Any]]]:
    for each in placed(stack, "VirtualService"):
        for route in each.spec["http"]:
            yield each, route


@pytest.mark.parametrize("name", MESHED)
def test_nothing_that_changes_something_is_sent_twice(stack: StackOf, name: str) -> None:
    """The first route that matches wins; one without a match takes every method."""
    for service in placed(stack(name), "VirtualService"):
        unsafe = {"POST", "PUT", "PATCH", "DELETE"}
        for route in service.spec["http"]:
            methods = [match["method"]["regex"].split("|") for match in route.get("match", ()) if "method" in match]
            taken = set().union(*methods) if "match" in route else unsafe | {"GET", "HEAD"}
            if taken & unsafe:
                assert route["retries"] == {"attempts": 0}, service.name
            unsafe -= taken
        assert unsafe == set(), service.name


@pytest.mark.parametrize("name", MESHED)
def test_every_route_ends_and_no_try_ends_before_it(stack: StackOf, name: str) -> None:
    """A limit of a try would be the limit of the request: a try that was cut off is not repeated."""
    found = list(routes(stack(name)))
    assert found
    for each, route in found:
        timeout = int(route["timeout"].removesuffix("s"))
        assert timeout > 0, each.name
        assert "perTryTimeout" not in route["retries"]
        if route["retries"]["attempts"]:
            # Each of them says that the request was not worked on.
            safe = {"connect-failure", "refused-stream", "reset-before-request"}
            assert set(route["retries"]["retryOn"].split(",")) <= safe


@pytest.mark.parametrize("name", MESHED)
@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/api/backstage/scaffolder/v2/tasks/1/eventstream", True),
        ("/api/scaffolder/v2/tasks/1/events", True),
        ("/api/backstage/techdocs/sync/default/component/portal", True),
        ("/api/techdocs/sync/default/component/portal", True),
        ("/api/catalog/entities", False),
        ("/events", False),
        ("/api/backstage/catalog/entities/by-name/component/default/events-service", False),
    ],
)
def test_a_stream_is_not_cut_off_where_a_request_would_be(stack: StackOf, name: str, path: str, stream: bool) -> None:
    """On both its hops. Istio matches a regular expression against the whole path."""
    services = {each.name: each.spec["http"] for each in placed(stack(name), "VirtualService")}
    assert services.keys() == {"portal", "backstage-backend"}
    for hop in services.values():
        route = next(route for route in hop if takes(route, path))
        assert (int(route["timeout"].removesuffix("s")) >= 1800) is stream


def takes(route: dict[str, Any], path: str) -> bool:
    """Whether a route takes a GET of this path."""
    return "match" not in route or any(
        re.fullmatch(match["method"]["regex"], "GET") and re.fullmatch(match.get("uri", {}).get("regex", ".*"), path)
        for match in route["match"]
    )


@pytest.mark.parametrize("name", MESHED)
def test_a_caller_lets_go_of_a_connection_before_the_server_does(stack: StackOf, name: str) -> None:
    """Or a request meets a connection that is being closed."""
    kept = keep_alive_seconds(stack(name))
    for rule in placed(stack(name), "DestinationRule"):
        idle = int(rule.spec["trafficPolicy"]["connectionPool"]["http"]["idleTimeout"].removesuffix("s"))
        assert idle < kept[rule.name]


def keep_alive_seconds(stack: SynthesizedStack) -> dict[str, int]:
    """How long each application keeps a connection that nobody uses."""
    (frontend,) = (each for each in placed(stack, "Deployment") if each.name == "portal-frontend")
    (container,) = frontend.spec["template"]["spec"]["containers"]
    milliseconds = {entry["name"]: entry.get("value", "") for entry in container["env"]}["KEEP_ALIVE_TIMEOUT"]
    (config,) = (each for each in placed(stack, "ConfigMap") if each.name == "backstage-backend")
    server = yaml.safe_load(config.body["data"]["app-config.production.yaml"])["backend"]["server"]
    kept = int(server["keepAliveTimeout"].removesuffix("s"))
    assert int(server["headersTimeout"].removesuffix("s")) > kept
    return {"portal-frontend": int(milliseconds) // 1000, "backstage-backend": kept}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_backend_believes_as_many_proxies_as_there_are(stack: StackOf, name: str) -> None:
    """Those whom the gateway trusts, and its own caller, the frontend: the next address is the client's."""
    (config,) = (each for each in placed(stack(name), "ConfigMap") if each.name == "backstage-backend")
    believed = yaml.safe_load(config.body["data"]["app-config.production.yaml"])["backend"]["trustProxy"]
    if name == "local":
        assert believed == 0, "nobody adds the header there, so anybody could"
        return
    topology = stack(name).values("gateway")["podAnnotations"]["proxy.istio.io/config"]
    assert believed == json.loads(topology)["gatewayTopology"]["numTrustedProxies"] + 1


@pytest.mark.parametrize("name", MESHED)
def test_errors_are_logged_and_each_request_is_not(stack: StackOf, name: str) -> None:
    """What a load balancer sends is TLS and not mutual, so that a filter by that would let everything through."""
    (telemetry,) = placed(stack(name), "Telemetry")
    (log,) = telemetry.spec["accessLogging"]
    assert log["filter"]["expression"] == "response.code >= 500"
    assert telemetry.namespace == "istio-system", "where Istio looks for what holds for the whole mesh"
    assert telemetry.spec["metrics"] == [{"providers": [{"name": "prometheus"}]}]


@pytest.mark.parametrize("name", MESHED)
def test_a_gateway_that_goes_serves_until_load_balancers_have_noticed(stack: StackOf, name: str) -> None:
    """A proxy drains for five seconds by itself, however long its pod may take to go."""
    values = stack(name).values("gateway")
    drain = json.loads(values["podAnnotations"]["proxy.istio.io/config"])["terminationDrainDuration"]
    assert 30 <= int(drain.removesuffix("s")) < values["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("name", MESHED)
def test_routes_lead_to_ports_that_services_have(stack: StackOf, name: str) -> None:
    services = {
        f"{each.name}.{each.namespace}.svc.cluster.local": {port["port"] for port in each.spec["ports"]}
        for each in placed(stack(name), "Service")
    }
    for _, route in routes(stack(name)):
        for destination in (entry["destination"] for entry in route["route"]):
            assert destination["port"]["number"] in services[destination["host"]]
    assert {each.spec["host"] for each in placed(stack(name), "DestinationRule")} <= services.keys()


@pytest.mark.parametrize("name", MESHED)
def test_a_failing_pod_is_left_out_but_never_all_of_them(stack: StackOf, name: str) -> None:
    rules = placed(stack(name), "DestinationRule")
    assert len(rules) == 2
    for rule in rules:
        policy = rule.spec["trafficPolicy"]
        assert policy["tls"] == {"mode": "ISTIO_MUTUAL"}
        assert policy["outlierDetection"]["maxEjectionPercent"] <= 50


@pytest.mark.parametrize("name", MESHED)
def test_the_gateway_takes_a_handshake_that_names_nobody(stack: StackOf, name: str) -> None:
    """Load balancers send no server name to their targets. Istio takes the part of `hosts` behind the slash as what
    clients must name (`GetSNIHostsForServer`), unless it is every name."""
    (gateway,) = placed(stack(name), "Gateway")
    (server,) = gateway.spec["servers"]
    assert server["tls"]["mode"] == "SIMPLE"
    assert [host.partition("/")[2] for host in server["hosts"]] == ["*"]
    (certificate,) = [c for c in placed(stack(name), "Certificate") if c.namespace == gateway.namespace]
    assert certificate.spec["secretName"] == server["tls"]["credentialName"]


@pytest.mark.parametrize("name", MESHED)
def test_the_gateway_answers_for_the_portals_name_alone(stack: StackOf, environments: Environments, name: str) -> None:
    """By policy, and by having no route for another. The rest of the namespace is under the default deny."""
    synthesized = stack(name)
    domain = environments.tiers[name.partition("-")[0]].portal.domain
    (gateway,) = placed(synthesized, "Gateway")
    applying = list(policies_for(synthesized, gateway.namespace, gateway.spec["selector"]))
    assert {} in applying
    (certificate,) = [c for c in placed(synthesized, "Certificate") if c.namespace == gateway.namespace]
    assert certificate.spec["dnsNames"] == [domain]
    (portal,) = [each for each in placed(synthesized, "VirtualService") if "gateways" in each.spec]
    assert portal.spec["gateways"] == [f"{gateway.namespace}/{gateway.name}"]
    assert portal.spec["hosts"] == [domain]
    # Only what lies in a namespace of the server's list is bound to it.
    assert {host.partition("/")[0] for host in gateway.spec["servers"][0]["hosts"]} == {portal.namespace}
    for host, port, answered in (
        (domain, 8443, True),
        (f"{domain}:443", 8443, True),
        (domain, 15000, False),
        ("other.example.com", 8443, False),
        (f"{domain}.example.org", 8443, False),
        ("10.0.0.1", 8443, False),
        ("", 8443, False),
    ):
        assert any(admits(spec, host, port) for spec in applying) is answered, (host, port)


def admits(spec: dict[str, Any], host: str, port: int) -> bool:
    """Whether a policy lets a request for `host` in. Source: Istio, "Authorization Policy": `to` without `hosts` takes
    every host."""
    return any(
        any(fnmatchcase(host, pattern) for pattern in to["operation"].get("hosts", ["*"]))
        and str(port) in to["operation"].get("ports", [str(port)])
        for rule in spec.get("rules", ())
        for to in rule.get("to") or [{"operation": {}}]
    )


@pytest.mark.parametrize("name", OWN_CONTROL_PLANE)
def test_the_mesh_comes_before_its_members_and_goes_after_them(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    address = {release: resource.address for release, resource in synthesized.releases.items()}
    order = ("base", "istiod", "cni", "gateway", "mesh")
    for earlier, later in pairwise(order):
        assert address[earlier] in synthesized.comes_after(synthesized.releases[later]), (earlier, later)
    for member in ("redis-operator", "redis-failover", "portal"):
        assert address["mesh"] in synthesized.comes_after(synthesized.releases[member]), member
    # The certificate of its gateway, and the kinds of its monitors.
    assert {address["internal-ca"], address["prometheus-operator-crds"]} <= synthesized.comes_after(
        synthesized.releases["mesh"]
    )


@pytest.mark.parametrize("name", [name for name in MESHED if name.endswith("-gcp")])
def test_on_autopilot_the_gateway_waits_for_googles_control_plane(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert not {"base", "istiod", "cni"} & synthesized.releases.keys()
    pause = synthesized.one("time_sleep", "mesh_provisioned")
    assert int(pause["create_duration"].removesuffix("s")) >= 600
    assert pause.address in synthesized.comes_after(synthesized.releases["gateway"])
    assert "google_gke_hub_feature_membership.mesh" in synthesized.references(pause)


def test_without_the_mesh_nothing_of_it_is_there_and_nobody_comes_in(stack: StackOf) -> None:
    local = stack("local")
    assert not {"base", "istiod", "cni", "gateway", "mesh"} & local.releases.keys()
    assert not {"istio-system", "istio-ingress"} & namespaces(local).keys()
    assert local.values("portal")["network"]["frontendFrom"] == []
    assert not [actor for actor in pods(local) if "sidecar.istio.io/inject" in actor.labels]


@pytest.mark.parametrize("name", MESHED)
def test_only_the_portals_images_and_known_publishers_run_proxies_included(stack: StackOf, name: str) -> None:
    trusted = stack(name).values("cluster-policies")["images"]["trusted"]
    registry = "gcr.io/gke-release/asm/" if name.endswith("-gcp") else "registry.istio.io/release/"
    assert registry in trusted


def services_with(ingress: Ingress | None) -> CloudServices:
    return CloudServices(
        volumes=None,
        database_backups=None,
        cluster_backups=None,
        node_autoscaler=None,
        secret_store=None,
        metrics_store=None,
        ingress=ingress,
        target_controller=None,
    )


CLUSTER = Cluster(
    name="test",
    access=KubeconfigAccess(path="", context=""),
    ready=(),
    node_pools=False,
    vertical_autoscaler=False,
    node_agents=True,
)
INGRESS = Ingress(
    client_cidrs=("10.0.0.0/24", "35.191.0.0/16"), trusted_proxies=2, service_annotations={"cloud": "joins"}
)


def test_a_load_balancer_and_its_health_checks_reach_the_gateway_and_nobody_else_does() -> None:
    opened = into_gateway(INGRESS)["allow-load-balancer"]
    assert {peer.cidr for peer in opened.peers} == set(INGRESS.client_cidrs)
    assert set(opened.ports) == {8443, 15021}
    assert into_gateway(None).keys() == {"allow-probes"}


def into_gateway(ingress: Ingress | None) -> dict[str, Flow]:
    flows = mesh.flows(CLUSTER, services_with(ingress))["istio-ingress"]
    return {flow.name: flow for flow in flows if flow.direction == "ingress"}


def test_the_clients_address_survives_the_proxies_before_the_gateway() -> None:
    values = mesh.gateway_values(cluster=CLUSTER, ingress=INGRESS, highly_available=True)
    assert '"numTrustedProxies": 2' in values["podAnnotations"]["proxy.istio.io/config"]
    assert values["service"] == {**values["service"], "type": "ClusterIP", "annotations": {"cloud": "joins"}}


def test_a_fixed_address_makes_an_internal_load_balancer() -> None:
    ingress = Ingress(client_cidrs=("10.0.0.0/24",), trusted_proxies=2, address="10.33.0.250")
    service = mesh.gateway_values(cluster=CLUSTER, ingress=ingress, highly_available=True)["service"]
    assert (service["type"], service["loadBalancerIP"]) == ("LoadBalancer", "10.33.0.250")

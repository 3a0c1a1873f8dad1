"""Who can reach whom on which port: the whole table, from the policies that each stack really makes.

`pytest -s tests/kubernetes/test_network_matrix.py` prints it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache

import pytest

from portal.spec.loader import Environments
from tests.charts.rendering import conforms
from tests.conftest import StackOf
from tests.kubernetes.actors import RUN_NONE, RUN_PODS, Ends, ends, pods
from tests.kubernetes.network import Direction, Network, Pod, Policy, Protocol, isolates, selects
from tests.kubernetes.rendered import namespaces, network_policies, placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack

Port = tuple[int, Protocol]
Flow = tuple[str, str, Port]

DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")

ENGINE_HOLDS_THE_CLUSTER = {"aws": True, "gcp": False, "azure": False, "local": True}
"""Whether an ipBlock matches pods and nodes: not with Cilium, which GKE Dataplane V2 and AKS run.

Source: AKS, "Azure CNI Powered by Cilium", limitations; Cilium, "Network Policy", CIDR rules.
"""

STRANGE_NAMESPACES = {name: {"kubernetes.io/metadata.name": name} for name in ("kube-system", "default")}

ALSO_TRIED = (22, 80, 3000, 4400, 9090, 9093, 9464, 12345)
"""Ports that somebody listens on, or nobody, beside all those that a policy names."""

POSTGRES = "postgres-cluster postgres-cluster-2"
BACKED_UP = f"{POSTGRES} velero"
POOLER = "postgres-cluster-pooler"
REDIS = "redis-failover redis-failover-2"
SENTINEL = "redis-failover-s redis-failover-s-2"
DATABASE_OPERATORS = "cnpg-operator barman-plugin"
OPERATORS = f"{DATABASE_OPERATORS} redis-operator"
ARCHIVE = "metrics-archive-query metrics-archive-store metrics-archive-compactor"
MONITORING = f"prometheus-operator kube-state-metrics prometheus alertmanager grafana blackbox-exporter {ARCHIVE}"
AUTOSCALING = "cluster-autoscaler vpa-recommender vpa-updater vpa-admission"
SECURITY = "cert-manager external-secrets"
API_CLIENTS = (
    f"{POSTGRES} {POOLER} {OPERATORS} {SECURITY} {AUTOSCALING} {MONITORING} velero istiod istio-cni target-controller"
)

GRANTS = "backstage-db-grants"

MEMBERS = f"portal-frontend backstage-backend {REDIS} {SENTINEL}"
"""Pods that join the mesh, where there is one; the Redis operator is one, too."""

MESH = "istiod istio-cni"

STRANGE_PODS = "kube-dns stranger"
OUTSIDE = "internet corporate"
UNPOLICED = f"{STRANGE_PODS} {OUTSIDE} node webhook-caller load-balancer"
LINK_LOCAL = "node-dns metadata-server gke-metadata pod-identity"

Rows = tuple[tuple[str, str, str], ...]
"""Sources, targets, ports."""

ALLOWED: Rows = (
    # Pods without a policy, nodes and the world: nothing here restricts them among themselves.
    (UNPOLICED, f"{STRANGE_PODS} {OUTSIDE} {LINK_LOCAL} node api-server", "any"),
    # The portal.
    ("portal-frontend", "backstage-backend", "7007"),
    ("backstage-backend", f"{POSTGRES} {POOLER}", "5432"),
    ("backstage-backend", REDIS, "6379"),
    ("backstage-backend", "internet", "443"),
    # Stores among themselves, and their operators.
    (POSTGRES, POSTGRES, "5432 8000"),
    (POOLER, POSTGRES, "5432"),
    (f"{REDIS} {SENTINEL}", REDIS, "6379"),
    (SENTINEL, SENTINEL, "26379"),
    (DATABASE_OPERATORS, POSTGRES, "5432 8000"),
    # The plugin's gRPC, 9090.
    (DATABASE_OPERATORS, DATABASE_OPERATORS, "any"),
    ("redis-operator", REDIS, "6379"),
    ("redis-operator", SENTINEL, "26379"),
    # Metrics.
    (MONITORING, f"{MONITORING} {STRANGE_PODS}", "any"),
    (MONITORING, POSTGRES, "9187"),
    (MONITORING, POOLER, "9127"),
    (MONITORING, REDIS, "9121"),
    (MONITORING, OPERATORS, "8080"),
    (MONITORING, AUTOSCALING, "8085 8942 8943"),
    (MONITORING, "cert-manager", "9402"),
    (MONITORING, "external-secrets", "8080"),
    (MONITORING, "velero", "8085"),
    (MONITORING, f"{OUTSIDE} {LINK_LOCAL} node api-server", "9100 10250"),
    # Names: by kube-dns, the node's cache, or the metadata server of Google Cloud, which serves them on this port.
    (f"{MEMBERS} {API_CLIENTS} gateway", "kube-dns node-dns metadata-server", "53 53/UDP"),
    # The API server has no address that is known in advance.
    (API_CLIENTS, f"{OUTSIDE} {LINK_LOCAL} api-server", "443 6443"),
    # Webhooks, for the API server, which may call from anywhere. Who may send to any pod reaches them too.
    (UNPOLICED, DATABASE_OPERATORS, "9443"),
    (UNPOLICED, f"{MONITORING} {SECURITY}", "10250"),
    (UNPOLICED, AUTOSCALING, "8000"),
    (MONITORING, DATABASE_OPERATORS, "9443"),
    (MONITORING, SECURITY, "10250"),
    (MONITORING, AUTOSCALING, "8000"),
)
"""What is allowed on every cluster, for those who are on it. All else among all of them is denied."""

ALLOWED_WHERE_RANGES_HOLD_THE_CLUSTER: Rows = ((API_CLIENTS, f"{STRANGE_PODS} node", "443 6443"),)
"""What ranges allow besides, on engines for which pods and nodes are in them."""

WITH_MESH: Rows = (
    # Requests come in by the gateway; proxies show the metrics of their applications.
    ("gateway", "portal-frontend", "4400"),
    (MONITORING, f"{MEMBERS} redis-operator", "15020"),
    # The last as the probes do, like everybody's browser.
    (MONITORING, "gateway", "15090 8443"),
)
PROXIES = f"{MEMBERS} redis-operator gateway"
OWN_MESH: Rows = (
    (PROXIES, "istiod", "15012"),
    (MONITORING, "istiod", "15014 15017"),
    (UNPOLICED, "istiod", "15017"),
    (MONITORING, "istio-cni", "9100 15014"),
)
PROVIDED_MESH: Rows = ((PROXIES, f"{OUTSIDE} {LINK_LOCAL} api-server", "443"),)
"""Its control plane is Google's, at addresses that are not known in advance."""

MANAGED: Rows = (
    # Backstage's stores outside the cluster, by the backend's identity; a Job gives its user the rights.
    ("backstage-backend", "managed-store", "5432 6379"),
    (GRANTS, "managed-store", "5432"),
    (GRANTS, "kube-dns node-dns metadata-server", "53 53/UDP"),
    # Whoever may call services anywhere on their ports.
    (API_CLIENTS, "managed-store", "443 6443"),
    (UNPOLICED, "managed-store", "any"),
    (MONITORING, "managed-store", "9100 10250"),
)

ALLOWED_ON: Mapping[str, Rows] = {
    "*-*": WITH_MESH,
    "*-azure": (*OWN_MESH, ("load-balancer", "gateway", "8443 15021")),
    # Without the mesh nobody comes in, and the applications show their metrics themselves.
    "local": ((MONITORING, "portal-frontend", "4400"), (MONITORING, "backstage-backend", "9464")),
    # Each cloud hands out identities at its own address; on Azure that is reached like everything else.
    "*-aws": (
        *OWN_MESH,
        (f"{AUTOSCALING} external-secrets target-controller backstage-backend", "pod-identity", "80"),
        # What comes from a node's address may be the load balancer, which lives among them.
        ("load-balancer node webhook-caller", "gateway", "8443 15021"),
        (UNPOLICED, "target-controller", "9443"),
        (MONITORING, "target-controller", "8080 9443"),
    ),
    "*-gcp": (
        *PROVIDED_MESH,
        ("load-balancer", "gateway", "8443 15021"),
        ("external-secrets", "metadata-server", "80"),
        ("external-secrets", "gke-metadata", "988"),
    ),
    "staging-aws": (*MANAGED, (BACKED_UP, "pod-identity", "80")),
    "prod-aws": (*MANAGED, (BACKED_UP, "pod-identity", "80")),
    # Prometheus's sidecars and the archive, where metrics stay.
    "prod-aws*": ((MONITORING, "pod-identity", "80"),),
    "prod-gcp*": ((MONITORING, "metadata-server", "80"), (MONITORING, "gke-metadata", "988")),
    "staging-gcp": ((BACKED_UP, "metadata-server", "80"), (BACKED_UP, "gke-metadata", "988")),
    "prod-gcp": ((BACKED_UP, "metadata-server", "80"), (BACKED_UP, "gke-metadata", "988")),
}
"""What is allowed besides on the stacks of a pattern."""


def table(stack: SynthesizedStack) -> Iterator[tuple[str, str, str]]:
    yield from ALLOWED
    if ENGINE_HOLDS_THE_CLUSTER[stack.name.rpartition("-")[2]]:
        yield from ALLOWED_WHERE_RANGES_HOLD_THE_CLUSTER
    for pattern, rows in ALLOWED_ON.items():
        if fnmatchcase(stack.name, pattern):
            yield from rows


def ports_of(stack: SynthesizedStack) -> set[Port]:
    """Every port that a policy names, and some that none does."""
    named = named_ports(network_policies(stack), *DIRECTIONS)
    return named | {(port, "TCP") for port in ALSO_TRIED}


def named_ports(policies: Iterable[Policy], *directions: Direction) -> set[Port]:
    return {
        (port["port"], port.get("protocol", "TCP"))
        for policy in policies
        for direction in directions
        for rule in policy["spec"].get(direction, ())
        for port in rule.get("ports", ())
    }


def expected(stack: SynthesizedStack, everyone: Ends, ports: set[Port]) -> Iterator[Flow]:
    """The table as flows between those who are on this stack."""
    for sources, targets, allowed in table(stack):
        chosen = ports if allowed == "any" else {_port(text) for text in allowed.split()}
        for source in set(sources.split()) & everyone.sources.keys():
            for target in set(targets.split()) & everyone.targets.keys() - {source}:
                yield from ((source, target, port) for port in chosen)


def _port(text: str) -> Port:
    number, _, protocol = text.partition("/")
    return int(number), "UDP" if protocol == "UDP" else "TCP"


def actual(stack: SynthesizedStack, everyone: Ends, ports: set[Port]) -> Iterator[Flow]:
    """The flows that the policies allow."""
    network = Network(
        namespaces=STRANGE_NAMESPACES | namespaces(stack),
        policies=network_policies(stack),
        blocks_hold_the_cluster=ENGINE_HOLDS_THE_CLUSTER[stack.name.rpartition("-")[2]],
    )
    for source, source_end in everyone.sources.items():
        for target, target_end in everyone.targets.items():
            if source != target:
                yield from ((source, target, port) for port in ports if network.allows(source_end, target_end, *port))


def lines(flows: Iterable[Flow], ports: set[Port]) -> list[str]:
    """Flows for people: one line a pair."""
    pairs: dict[tuple[str, str], set[Port]] = {}
    for source, target, port in flows:
        pairs.setdefault((source, target), set()).add(port)
    return [
        f"{source} -> {target}: {'any' if found == ports else ' '.join(_text(port) for port in sorted(found))}"
        for (source, target), found in sorted(pairs.items())
    ]


def _text(port: Port) -> str:
    number, protocol = port
    return str(number) if protocol == "TCP" else f"{number}/{protocol}"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_everybody_reaches_what_the_table_says_and_nothing_else(
    stack: StackOf, environments: Environments, name: str
) -> None:
    synthesized = stack(name)
    everyone, ports = ends(synthesized, environments), ports_of(synthesized)
    allowed, wanted = set(actual(synthesized, everyone, ports)), set(expected(synthesized, everyone, ports))
    print(f"\n{name}: {len(everyone.sources)} sources, {len(everyone.targets)} targets, {len(ports)} ports")
    print(*lines(allowed, ports), sep="\n")
    assert lines(allowed - wanted, ports) == [], "allowed, but not in the table"
    assert lines(wanted - allowed, ports) == [], "in the table, but denied"


def test_every_name_in_the_table_is_somebody(stack: StackOf, environments: Environments) -> None:
    everyone = [ends(stack(name), environments) for name in EVERY_STACK]
    sources = set().union(*(each.sources for each in everyone))
    targets = set().union(*(each.targets for each in everyone))
    for row in (
        *ALLOWED,
        *ALLOWED_WHERE_RANGES_HOLD_THE_CLUSTER,
        *(row for rows in ALLOWED_ON.values() for row in rows),
    ):
        assert set(row[0].split()) <= sources, row
        assert set(row[1].split()) <= targets, row


@pytest.mark.parametrize("name", EVERY_STACK)
def test_of_every_kind_it_is_known_whether_it_starts_pods(stack: StackOf, name: str) -> None:
    """Or the pods of a new kind would be missing from the table without a sound."""
    unknown = {each.kind for each in placed(stack(name))} - RUN_PODS.keys() - RUN_NONE
    assert unknown == set(), "say in tests/kubernetes/actors.py which pods it starts, or that it starts none"


@pytest.mark.parametrize("name", EVERY_STACK)
def test_every_pod_of_a_release_is_under_a_default_deny(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    denied = {
        policy["metadata"]["namespace"]
        for policy in network_policies(synthesized)
        if policy["metadata"]["name"] == "default-deny"
    }
    assert {release["namespace"] for release in synthesized.releases.values()} <= denied


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_policies_that_terraform_makes_have_the_form_that_the_api_demands(stack: StackOf, name: str) -> None:
    """Which also proves that this test reads them rightly."""
    assert {finding["status"] for finding in _findings(json.dumps(network_policies(stack(name))))} == {"statusValid"}


@cache
def _findings(policies: str) -> list[dict[str, str]]:
    return conforms("\n---\n".join(json.dumps(policy) for policy in json.loads(policies)))


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-aws")])
def test_services_keep_the_port_number_of_their_pods(stack: StackOf, name: str) -> None:
    """The VPC CNI judges a connection to a Service by the Service's port (EKS, "Kubernetes network policies")."""
    ports = {
        (each.namespace, json.dumps(each.spec["template"]["metadata"]["labels"])): {
            port["name"]: port["containerPort"]
            for container in each.spec["template"]["spec"]["containers"]
            for port in container.get("ports", ())
        }
        for each in placed(stack(name), "Deployment")
    }
    for service in placed(stack(name), "Service"):
        selector = service.spec.get("selector", {})
        for (namespace, labels), named in ports.items():
            if namespace == service.namespace and selector.items() <= json.loads(labels).items():
                for port in service.spec["ports"]:
                    target = port.get("targetPort", port["port"])
                    assert named.get(target, target) == port["port"], service.name


OPERATORS_SERVICES = {
    "postgres-cluster-pooler": {"cnpg.io/poolerName": "postgres-cluster-pooler"},
    "postgres-cluster-rw": {"cnpg.io/cluster": "postgres-cluster", "cnpg.io/instanceRole": "primary"},
    "redis-failover-master": {"app": "redis-failover", "redis-role": "master"},
}
"""What the stores' Services select by, at least. Source: CloudNativePG, pkg/specs; redis-operator, k8sutils."""


@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_backend_may_reach_a_store_by_what_its_service_selects(stack: StackOf, name: str) -> None:
    """The VPC CNI opens a Service's address where a rule's selector matches the Service's own, whatever its pods carry
    besides (amazon-network-policy-controller-k8s, `getMatchingServiceClusterIPs`)."""
    values = stack(name).values("portal")
    hosts = {store["host"] for kind in ("databases", "caches") for store in values[kind].values() if not store["cidrs"]}
    assert hosts
    (policy,) = [each for each in placed(stack(name), "NetworkPolicy") if each.name == "backstage-backend"]
    peers = [peer for rule in policy.spec["egress"] for peer in rule["to"] if "podSelector" in peer]
    for host in hosts:
        assert any(selects(peer["podSelector"], OPERATORS_SERVICES[host]) for peer in peers), host


@pytest.mark.parametrize("name", [name for name in EVERY_STACK if name.endswith("-aws")])
def test_no_pod_has_more_ports_for_an_address_than_the_vpc_cni_takes(stack: StackOf, name: str) -> None:
    """24 of port and protocol for one range, over all policies of a pod (EKS, "Kubernetes network policies")."""
    synthesized = stack(name)
    for actor in pods(synthesized):
        pod = Pod(namespace=actor.namespace, labels=actor.labels, address="10.0.0.1")
        for direction in DIRECTIONS:
            selecting = [policy for policy in network_policies(synthesized) if isolates(policy, pod, direction)]
            assert len(named_ports(selecting, direction)) <= 24, actor.name

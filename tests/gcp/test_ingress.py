"""How requests reach the gateway on Google Cloud."""

import json

import pytest

from tests.conftest import StackOf


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_the_pods_are_endpoints_under_a_name_that_a_load_balancer_can_know(stack: StackOf, tier: str) -> None:
    service = stack(f"{tier}-gcp").values("gateway")["service"]
    groups = json.loads(service["annotations"]["cloud.google.com/neg"])["exposed_ports"]
    ports = {port["name"]: port["port"] for port in service["ports"]}
    assert groups == {str(ports["https"]): {"name": f"portal-{tier}-gateway"}}
    assert service["type"] == "ClusterIP"


@pytest.mark.parametrize("tier", ["dev", "staging", "prod"])
def test_only_googles_front_ends_and_probes_reach_the_gateway(stack: StackOf, tier: str) -> None:
    policy = stack(f"{tier}-gcp").one(
        "kubernetes_network_policy_v1", "platform_namespaces_istio-ingress-allow-load-balancer"
    )
    (rule,) = policy["spec"]["ingress"]
    assert {peer["ip_block"]["cidr"] for peer in rule["from"]} == {"35.191.0.0/16", "130.211.0.0/22"}
    assert {port["port"] for port in rule["ports"]} == {"8443", "15021"}


def test_the_clients_address_is_the_second_from_the_end(stack: StackOf) -> None:
    annotations = stack("prod-gcp").values("gateway")["podAnnotations"]
    assert json.loads(annotations["proxy.istio.io/config"])["gatewayTopology"] == {"numTrustedProxies": 2}

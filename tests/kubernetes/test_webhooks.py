"""Whom the API server asks before it takes an object, and by which authority it knows the one who answers.

Our charts and the kubernetes provider bring no webhook: our own rules are ValidatingAdmissionPolicies, which the API
server judges itself. Those of the operators come with their charts. One that appears here has to be reachable.
"""

from typing import Any

import pytest

from portal.rendering import Object
from tests.conftest import StackOf
from tests.kubernetes.rendered import Placed, placed
from tests.kubernetes.test_release import EVERY_STACK

CONFIGURATIONS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
INJECTED = "cert-manager.io/inject-ca-from"


def faults(objects: list[Placed]) -> list[str]:
    """Each webhook that the API server could not call: no authority from a Certificate, or no Service behind it."""
    there = {(each.kind, f"{each.namespace}/{each.name}") for each in objects}
    found = []
    for each in objects:
        if each.kind not in CONFIGURATIONS:
            continue
        authority = each.body["metadata"].get("annotations", {}).get(INJECTED)
        if ("Certificate", authority) not in there:
            found.append(f"{each.name}: {INJECTED} names {authority}, which is no Certificate")
        for webhook in each.body["webhooks"]:
            service = webhook["clientConfig"].get("service", {})
            asked = f"{service.get('namespace')}/{service.get('name')}"
            if ("Service", asked) not in there:
                found.append(f"{webhook['name']}: asks {asked}, which is no Service")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_STACK)
def test_the_api_server_can_call_every_webhook_and_knows_its_authority(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    webhooks = [type for type in {r.type for r in synthesized.resources.values()} if "webhook_configuration" in type]
    assert not webhooks, "say here which object it becomes"
    assert faults(placed(synthesized)) == []


def some(kind: str, name: str, **fields: Any) -> Placed:
    body: Object = {"kind": kind, "metadata": {"name": name, "annotations": fields.pop("annotations", {})}, **fields}
    return Placed(release="some", namespace="some", body=body)


def webhook(authority: str | None, service: str) -> Placed:
    asked = {"name": "judge.example.com", "clientConfig": {"service": {"namespace": "some", "name": service}}}
    annotations = {} if authority is None else {INJECTED: authority}
    return some(CONFIGURATIONS[0], "judge", webhooks=[asked], annotations=annotations)


@pytest.mark.parametrize(
    ("authority", "service", "told"),
    [
        ("some/judge", "judge", []),
        (None, "judge", ["judge: cert-manager.io/inject-ca-from names None, which is no Certificate"]),
        ("some/other", "judge", ["judge: cert-manager.io/inject-ca-from names some/other, which is no Certificate"]),
        ("some/judge", "other", ["judge.example.com: asks some/other, which is no Service"]),
    ],
)
def test_a_webhook_without_authority_or_service_is_told(authority: str | None, service: str, told: list[str]) -> None:
    assert faults([some("Certificate", "judge"), some("Service", "judge"), webhook(authority, service)]) == told

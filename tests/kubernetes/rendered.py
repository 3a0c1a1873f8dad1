"""What a stack puts into its cluster: the objects of its own charts, and those that Terraform makes itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.rendering import Object, OwnRelease, own_releases, render
from tests.charts.rendering import tool
from tests.kubernetes.network import Labels
from tests.synthesized import SynthesizedStack


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An object in its namespace."""

    release: str
    namespace: str
    body: Object

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.body["spec"]
        return spec


def releases_of(stack: SynthesizedStack) -> list[OwnRelease]:
    """The releases of own charts. Without helm the test is skipped, or fails where CI is set."""
    tool("helm")
    return own_releases(stack.document, stack.file.parent)


def placed(stack: SynthesizedStack, *kinds: str) -> list[Placed]:
    """Every object of the stack's own charts; only of these kinds if any are given."""
    return [
        Placed(release=release.name, namespace=object["metadata"].get("namespace", release.namespace), body=object)
        for release in releases_of(stack)
        for object in render(release)
        if not kinds or object["kind"] in kinds
    ]


def namespaces(stack: SynthesizedStack) -> dict[str, Labels]:
    """The labels of each namespace that the stack makes, with the one that Kubernetes adds."""
    return {
        resource["metadata"]["name"]: {
            **resource["metadata"]["labels"],
            "kubernetes.io/metadata.name": resource["metadata"]["name"],
        }
        for resource in stack.all("kubernetes_namespace_v1")
    }


def network_policies(stack: SynthesizedStack) -> list[Object]:
    """Every NetworkPolicy: those of the kubernetes provider and those of the charts."""
    of_charts = [
        {**each.body, "metadata": {**each.body["metadata"], "namespace": each.namespace}}
        for each in placed(stack, "NetworkPolicy")
    ]
    return [*provider_policies(stack), *of_charts]


def provider_policies(stack: SynthesizedStack) -> list[Object]:
    """The NetworkPolicies that Terraform makes itself."""
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": resource["metadata"]["name"],
                "namespace": namespace_of(stack, resource["metadata"]["namespace"]),
            },
            "spec": _as_kubernetes(resource["spec"]),
        }
        for resource in stack.all("kubernetes_network_policy_v1")
    ]


def namespace_of(stack: SynthesizedStack, reference: str) -> str:
    """The name behind `${kubernetes_namespace_v1.NAME.metadata[0].name}`."""
    found = re.fullmatch(r"\$\{(kubernetes_namespace_v1\.[\w-]+)\.metadata\[0\]\.name\}", reference)
    return str(stack.resources[found[1]]["metadata"]["name"]) if found else reference


def _as_kubernetes(value: Any) -> Any:
    """Terraform's form of an object's fields in Kubernetes' own: names in camel case, port numbers as numbers.

    Keys of labels stay as they are: none has an underscore.
    """
    if isinstance(value, Mapping):
        return {re.sub(r"_(\w)", lambda m: m[1].upper(), key): _as_kubernetes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_kubernetes(item) for item in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value

"""Everything that a stack puts into its cluster, as Kubernetes objects: our charts' and the kubernetes provider's."""

from collections.abc import Sequence
from typing import Any

from portal.rendering import Object, example
from tests.kubernetes.rendered import Placed, namespace_of, provider_policies
from tests.synthesized import Resource, SynthesizedStack

PROVIDER_KINDS = {
    "kubernetes_config_map_v1",
    "kubernetes_namespace_v1",
    "kubernetes_network_policy_v1",
    "kubernetes_resource_quota_v1",
    "kubernetes_storage_class_v1",
}
"""What is translated below; a stack with another one fails instead of being judged in part."""


def provider_objects(stack: SynthesizedStack) -> list[Object]:
    """The objects that Terraform makes without Helm, namespaces first."""
    unknown = {r.type for r in stack.resources.values() if r.type.startswith("kubernetes_")} - PROVIDER_KINDS
    assert not unknown, f"{stack.name}: say in {__name__} what object {sorted(unknown)} becomes"
    return [
        *(_object("v1", "Namespace", r) for r in stack.all("kubernetes_namespace_v1")),
        *(
            _object("storage.k8s.io/v1", "StorageClass", r, **_storage(r))
            for r in stack.all("kubernetes_storage_class_v1")
        ),
        *(
            _object("v1", "ResourceQuota", r, namespace_of(stack, r["metadata"]["namespace"]), spec=r["spec"])
            for r in stack.all("kubernetes_resource_quota_v1")
        ),
        *(
            _object("v1", "ConfigMap", r, namespace_of(stack, r["metadata"]["namespace"]), data=r["data"])
            for r in stack.all("kubernetes_config_map_v1")
        ),
        *provider_policies(stack),
    ]


def _object(version: str, kind: str, resource: Resource, namespace: str | None = None, **fields: Any) -> Object:
    metadata = {key: value for key, value in resource["metadata"].items() if key in ("name", "labels", "annotations")}
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": metadata | place, **fields}


def _storage(resource: Resource) -> dict[str, Any]:
    parameters = {
        key: example(value[2:-1]) if value.startswith("${") else value
        for key, value in (resource.get("parameters") or {}).items()
    }
    chosen = {"volumeBindingMode": "volume_binding_mode", "allowVolumeExpansion": "allow_volume_expansion"}
    return {
        "provisioner": resource["storage_provisioner"],
        "reclaimPolicy": resource["reclaim_policy"],
        # The API has a default for each.
        **{field: resource[argument] for field, argument in chosen.items() if resource.get(argument) is not None},
        "parameters": parameters,
    }


def foreign_accounts(objects: Sequence[Placed]) -> list[Object]:
    """The service accounts that pods of ours run as and charts of others make."""
    own = {(each.namespace, each.name) for each in objects if each.kind == "ServiceAccount"}
    used = {
        (each.namespace, pod["spec"]["serviceAccountName"])
        for each in objects
        if (pod := pod_of(each)) is not None and "serviceAccountName" in pod["spec"]
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
        for namespace, name in sorted(used - own)
    ]


def pod_of(each: Placed) -> Object | None:
    """A workload's pod template as the pod that its controller will ask for; None for what is no workload."""
    if each.body["apiVersion"].split("/")[0] not in ("apps", "batch"):
        return None
    spec = each.spec["jobTemplate"]["spec"] if each.kind == "CronJob" else each.spec
    template = spec["template"]
    metadata = {**template.get("metadata", {}), "name": f"{each.name}-pod", "namespace": each.namespace}
    # What a StatefulSet adds to its pods: a volume for each of its claims.
    claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())]
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{each.name}-0"}} for name in claims]
    pod = template["spec"] | {"volumes": [*template["spec"].get("volumes", ()), *volumes]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}

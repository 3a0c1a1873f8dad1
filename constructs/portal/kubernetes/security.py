"""Rules for pods, certificates, and credentials that are made inside the cluster."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes.contract import CloudLogin, Cluster, SecretStore, ServiceAccount
from portal.kubernetes.installer import Installer
from portal.kubernetes.monitoring import GRAFANA_ADMIN, ISSUER, SELECTED, grafana_enabled
from portal.kubernetes.portal import CACHE, SESSION_SECRET, TOKEN_KEY, api_token_secret
from portal.kubernetes.priorities import PRIORITIES, SYSTEM
from portal.kubernetes.release import OwnChart, ThirdPartyChart
from portal.spec.environment import KubernetesLayer
from portal.spec.versions import OperandImage
from portal.spec.workloads import Image

POLICIES_CHART: Final = "cluster-policies"
CERTIFICATES_CHART: Final = "cert-manager"
AUTHORITY_CHART: Final = "internal-ca"
SECRETS_CHART: Final = "external-secrets"
CREDENTIALS_CHART: Final = "credentials"

SECRETS_SERVICE_ACCOUNT = ServiceAccount(namespace=ns.SECRETS, name=SECRETS_CHART)

STORE: Final = "cloud"
"""The ClusterSecretStore of the cloud's secrets."""

PORTAL_OPERANDS: Final = ("postgresql", "redis", "redis-sentinel", "redis-exporter", "pause")
"""Third parties' images that run in the portal's namespace."""


def install_policies(install: Installer) -> ITerraformDependable:
    """Before the first pod: it would not be asked for its form, nor have its priority."""
    return install.release(
        "policies",
        chart=OwnChart(name=POLICIES_CHART),
        namespace=ns.PORTAL,
        values=policy_values(
            namespaces=install.namespaces.names,
            layer=install.layer,
            images=install.versions.images,
            proxy_registries=[install.cluster.proxy_registry] if install.layer.mesh else [],
        ),
    )


def install_certificates(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """cert-manager, then the cluster's own authority, which is what others come after."""
    manager = install.release(
        "certificates",
        chart=ThirdPartyChart(name=CERTIFICATES_CHART),
        namespace=ns.CERTIFICATES,
        values=cert_manager_values(cluster=install.cluster, highly_available=install.highly_available),
        after=after,
    )
    return install.release(
        "authority",
        chart=OwnChart(name=AUTHORITY_CHART),
        namespace=ns.CERTIFICATES,
        values=authority_values(),
        after=[manager],
    )


def install_secrets(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """external-secrets, then the credentials that it makes, which are what others come after."""
    store = install.services.secret_store
    secrets = install.release(
        "secrets",
        chart=ThirdPartyChart(name=SECRETS_CHART),
        namespace=ns.SECRETS,
        values=external_secrets_values(
            cluster=install.cluster,
            login=store.login if store else None,
            highly_available=install.highly_available,
        ),
        after=[*(store.login.ready if store else ()), *after],
    )
    # Its controller has to take its finalizers off what the next release made.
    generator = install.pause_on_destroy("credentials-gone", controllers=[secrets], seconds=30)
    return install.release(
        "credentials",
        chart=OwnChart(name=CREDENTIALS_CHART),
        namespace=ns.PORTAL,
        values=credentials_values(layer=install.layer, store=store),
        # It makes Secrets there too.
        after=[*install.namespaces.ready[ns.MONITORING], *generator],
    )


def policy_values(
    *,
    namespaces: Sequence[str],
    layer: KubernetesLayer,
    images: Mapping[str, OperandImage],
    proxy_registries: Sequence[str],
) -> dict[str, Any]:
    """Values of chart cluster-policies. `proxy_registries`: where the mesh's proxies come from, which join our pods.

    Source: guide, "Pod Security Standards".
    """
    return {
        "action": layer.admission.capitalize(),
        "namespaces": list(namespaces),
        "hostPathNamespaces": [name for name in namespaces if name == ns.NODE_AGENTS],
        "images": {
            "namespaces": [ns.PORTAL],
            "byDigest": own_repositories([layer.portal.frontend.image, layer.portal.backend.image]),
            "trusted": sorted(
                [
                    *publishers(images[name] for name in PORTAL_OPERANDS),
                    *(f"{registry}/" for registry in proxy_registries),
                ]
            ),
        },
        "priorities": [
            {"name": name, "value": value, "description": description}
            for name, (value, description) in PRIORITIES.items()
        ],
    }


def own_repositories(images: Iterable[Image]) -> list[str]:
    """The repositories of the portal's own images."""
    return sorted({image.repository for image in images})


def publishers(images: Iterable[OperandImage]) -> list[str]:
    """Where operands come from, up to the last slash: their operators take init containers from the same place."""
    return sorted({image.repository.rpartition("/")[0] + "/" for image in images})


def cert_manager_values(*, cluster: Cluster, highly_available: bool) -> dict[str, Any]:
    """Values of cert-manager. Its webhook refuses every change while it is down, hence three where it matters.

    Source: cert-manager, "Best Practice Installation Options".
    """
    small = _resources(cpu="50m", memory="128Mi")
    budget = {"enabled": highly_available, "minAvailable": 1}
    return {
        "global": {
            "priorityClassName": SYSTEM,
            "nodeSelector": cluster.nodes("system"),
            # The default, kube-system, takes no leases from others on Autopilot.
            "leaderElection": {"namespace": ns.CERTIFICATES},
        },
        # Deleting the kinds would delete every certificate, also when the release is only replaced.
        "crds": {"enabled": True, "keep": True},
        "replicaCount": 2 if highly_available else 1,
        "podDisruptionBudget": budget,
        "resources": small,
        "webhook": {
            "replicaCount": 3 if highly_available else 1,
            "podDisruptionBudget": budget,
            "resources": small,
        },
        "cainjector": {
            "replicaCount": 2 if highly_available else 1,
            "podDisruptionBudget": budget,
            # It watches every Secret and webhook of the cluster.
            "resources": _resources(cpu="50m", memory="256Mi"),
        },
        # Makes "installed" mean "the webhook answers"; a minute is short for the first pull on a new node.
        "startupapicheck": {"timeout": "5m", "resources": _resources(cpu="10m", memory="64Mi")},
        "prometheus": {"servicemonitor": {"enabled": True, "labels": SELECTED["matchLabels"]}},
    }


def authority_values() -> dict[str, Any]:
    """Values of chart internal-ca."""
    return {"issuer": ISSUER}


def external_secrets_values(*, cluster: Cluster, login: CloudLogin | None, highly_available: bool) -> dict[str, Any]:
    """Values of external-secrets. Two controllers without an election would each make another password.

    `login`: to the cloud's store of secrets, where there is one.
    """
    budget = {"enabled": highly_available, "minAvailable": 1}
    common = {"priorityClassName": SYSTEM, "podDisruptionBudget": budget}
    small = _resources(cpu="20m", memory="128Mi")
    return {
        "installCRDs": True,
        # Deleting the kinds would delete every ExternalSecret, and the Secrets with them, also when the release is only
        # replaced.
        "crds": {"annotations": {"helm.sh/resource-policy": "keep"}},
        "global": {"nodeSelector": cluster.nodes("system")},
        **common,
        "replicaCount": 2 if highly_available else 1,
        "leaderElect": True,
        "serviceAccount": {
            "name": SECRETS_SERVICE_ACCOUNT.name,
            "annotations": dict(login.service_account_annotations) if login else {},
        },
        "podLabels": dict(login.pod_labels) if login else {},
        "resources": _resources(cpu="50m", memory="256Mi"),
        "webhook": {**common, "replicaCount": 2 if highly_available else 1, "resources": small},
        # It renews the webhook's certificate; one is enough, and a budget on one would only block drains.
        "certController": {"priorityClassName": SYSTEM, "replicaCount": 1, "resources": small},
        # The default leaves the monitors out where the API server does not know the kind at that moment.
        "serviceMonitor": {
            "enabled": True,
            "renderMode": "alwaysRender",
            "additionalLabels": SELECTED["matchLabels"],
        },
    }


def credentials_values(*, layer: KubernetesLayer, store: SecretStore | None) -> dict[str, Any]:
    """Values of chart credentials: a password for each consumer that is installed, and what the portal and Alertmanager
    get from the cloud's store."""
    redis = {"name": CACHE, "namespace": ns.PORTAL, "passwordKey": "password"}
    grafana = {
        "name": GRAFANA_ADMIN["existingSecret"],
        "namespace": ns.MONITORING,
        "passwordKey": GRAFANA_ADMIN["passwordKey"],
        "fixed": {GRAFANA_ADMIN["userKey"]: "admin"},
    }
    session = {"name": SESSION_SECRET["name"], "namespace": ns.PORTAL, "passwordKey": SESSION_SECRET["key"]}
    receiver = layer.monitoring.receiver
    fetched = [
        *((ns.PORTAL, name) for name in layer.portal.secrets),
        *([(ns.MONITORING, receiver.secret)] if receiver else []),
    ]
    tokens = [
        {"name": api_token_secret(program), "namespace": ns.PORTAL, "passwordKey": TOKEN_KEY}
        for program in layer.portal.api_tokens
    ]
    return {
        "keep": layer.protected,
        "secrets": [
            redis,
            *([grafana] if grafana_enabled(layer.monitoring) else []),
            *([session] if layer.portal.sign_in.provider == "oidc" else []),
            *tokens,
        ],
        "store": {
            "name": STORE,
            "provider": dict(store.provider),
            "namespaces": sorted({ns.PORTAL, *(namespace for namespace, _ in fetched)}),
        }
        if store
        else None,
        "fetched": [
            {"name": name, "namespace": namespace, "remote": f"{store.prefix}{name}"} for namespace, name in fetched
        ]
        if store
        else [],
    }


def _resources(*, cpu: str, memory: str) -> dict[str, dict[str, str]]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}

"""The kubernetes and helm providers of a stack, pointed at its cluster."""

from cdktf import Fn
from cdktf_cdktf_provider_helm.provider import (
    HelmProvider,
    HelmProviderKubernetes,
    HelmProviderKubernetesExec,
)
from cdktf_cdktf_provider_kubernetes.provider import KubernetesProvider, KubernetesProviderExec
from constructs import Construct

from portal.kubernetes.contract import Cluster, KubeconfigAccess

CREDENTIAL_API = "client.authentication.k8s.io"


def connect(scope: Construct, cluster: Cluster) -> None:
    """Declares both providers. With exec authentication they plan before the cluster exists and store no token."""
    access = cluster.access
    if isinstance(access, KubeconfigAccess):
        KubernetesProvider(scope, "kubernetes", config_path=access.path, config_context=access.context)
        HelmProvider(
            scope,
            "helm",
            kubernetes=HelmProviderKubernetes(config_path=access.path, config_context=access.context),
        )
        return
    ca = None if access.ca is None else Fn.base64decode(access.ca)
    command, args = access.auth.command, list(access.auth.args)
    api_version = f"{CREDENTIAL_API}/{access.auth.api_version}"
    KubernetesProvider(
        scope,
        "kubernetes",
        host=access.host,
        cluster_ca_certificate=ca,
        exec=[KubernetesProviderExec(api_version=api_version, command=command, args=args)],
    )
    HelmProvider(
        scope,
        "helm",
        kubernetes=HelmProviderKubernetes(
            host=access.host,
            cluster_ca_certificate=ca,
            exec=HelmProviderKubernetesExec(api_version=api_version, command=command, args=args),
        ),
    )

"""The portal's two applications."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import Cluster
from portal.kubernetes.installer import Installer
from portal.kubernetes.priorities import APP
from portal.kubernetes.release import OwnChart
from portal.spec.workloads import GuestSignIn, OidcSignIn, PortalApps, Workload

CHART: Final = "portal"

FRONTEND = "portal-frontend"
BACKEND = "backstage-backend"
"""Label `app` of the backend's pods: the only client of the stores."""

DATABASE: Final = "postgres-cluster"
CACHE: Final = "redis-failover"
"""The releases of the stores, after which their Secrets, Services and pods are named."""


def install_portal(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """`after`: its stores, and the kinds of its autoscalers."""
    layer = install.layer
    return install.release(
        "portal",
        chart=OwnChart(name=CHART),
        namespace=ns.PORTAL,
        values=values(
            apps=layer.portal, poolers=layer.data.portal_db.poolers, mesh=layer.mesh, cluster=install.cluster
        ),
        after=after,
    )


def values(*, apps: PortalApps, poolers: int, mesh: bool, cluster: Cluster) -> dict[str, Any]:
    """Values of chart portal. Database and cache are those of charts postgres-cluster and redis-failover."""
    return {
        "domain": apps.domain,
        "frontend": _workload(apps.frontend),
        "backend": _workload(apps.backend),
        "database": {
            "host": f"{DATABASE}-pooler" if poolers else f"{DATABASE}-rw",
            "secret": f"{DATABASE}-app",
            "caSecret": f"{DATABASE}-ca",
            "cluster": DATABASE,
        },
        "cache": {
            "host": f"{CACHE}-master",
            "secret": {"name": CACHE, "key": "password"},
            "app": CACHE,
        },
        "signIn": _sign_in(apps.sign_in),
        "apiTokens": [
            {"subject": program, "secret": {"name": api_token_secret(program), "key": TOKEN_KEY}}
            for program in apps.api_tokens
        ],
        "mesh": mesh,
        "network": {
            # Without the mesh there is no gateway, and nothing comes in from outside.
            "frontendFrom": [ns.INGRESS] if mesh else [],
            "monitoringNamespace": ns.MONITORING,
            "dnsCidrs": list(traffic.RESOLVERS),
            "backendToInternet": True,
        },
        "priorityClass": APP,
        "nodeSelector": cluster.nodes("application"),
    }


SESSION_SECRET: Final = {"name": "portal-session", "key": "secret"}
"""What signs the cookies of people who are signing in."""

CLIENT_SECRET_KEY: Final = "client-secret"
TOKEN_KEY: Final = "token"


def api_token_secret(program: str) -> str:
    """The Secret with the token of a program that calls the API."""
    return f"api-token-{program}"


def _sign_in(sign_in: GuestSignIn | OidcSignIn) -> dict[str, Any]:
    if sign_in.provider == "guest":
        return {"provider": "guest"}
    return {
        "provider": "oidc",
        "issuer": sign_in.issuer,
        "clientId": sign_in.client_id,
        "clientSecret": {"name": sign_in.secret, "key": CLIENT_SECRET_KEY},
        "sessionSecret": SESSION_SECRET,
    }


def _workload(workload: Workload) -> dict[str, Any]:
    return {
        "image": workload.image.reference,
        "replicas": workload.replicas.model_dump(),
        "resources": workload.resources.model_dump(),
    }

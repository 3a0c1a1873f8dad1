"""The portal's two applications."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import CloudServices, Cluster, ManagedCache, ManagedDatabase, ServiceAccount
from portal.kubernetes.installer import Installer
from portal.kubernetes.priorities import APP
from portal.kubernetes.release import OwnChart
from portal.kubernetes.storage import SHARED_FILES
from portal.spec.workloads import CacheName, GuestSignIn, OidcSignIn, PortalApps, Workload

CHART: Final = "portal"

FRONTEND = "portal-frontend"
BACKEND = "backstage-backend"
"""Label `app` of the backend's pods: the only client of the stores."""

BACKEND_ACCOUNT = ServiceAccount(namespace=ns.PORTAL, name=BACKEND)

DATABASE: Final = "postgres-cluster"
CACHE: Final = "redis-failover"
"""The releases of the stores, after which their Secrets, Services and pods are named."""


BACKSTAGE_DATABASE: Final = "backstage"
"""Of Backstage, beside `idp_portal` of the portal's own plugins, where both share one server."""

OWNER: Final = "portal_user"


def install_portal(install: Installer, *, after: Sequence[ITerraformDependable]) -> ITerraformDependable:
    """`after`: its stores, and the kinds of its autoscalers."""
    layer, services = install.layer, install.services
    return install.release(
        "portal",
        chart=OwnChart(name=CHART),
        namespace=ns.PORTAL,
        values=values(
            apps=layer.portal,
            poolers=layer.data.portal_db.poolers,
            mesh=layer.mesh,
            cluster=install.cluster,
            services=services,
        ),
        after=[
            *after,
            *install.shared_files_ready,
            *(services.artifacts.ready if services.artifacts else ()),
            *(services.portal_login.ready if services.portal_login else ()),
        ],
    )


def values(*, apps: PortalApps, poolers: int, mesh: bool, cluster: Cluster, services: CloudServices) -> dict[str, Any]:
    """Values of chart portal. Stores that are not the cloud's are those of charts postgres-cluster and
    redis-failover."""
    files, artifacts = services.shared_files, services.artifacts
    return {
        "domain": apps.domain,
        "frontend": _workload(apps.frontend),
        "backend": _workload(apps.backend),
        "databases": {
            "backstage": database_values(services.databases.get("backstage-db"), BACKSTAGE_DATABASE, poolers),
            "portal": database_values(services.databases.get("portal-db"), "idp_portal", poolers),
        },
        "caches": {
            "backstage": cache_values("backstage-cache", services.caches.get("backstage-cache")),
            "portal": cache_values("portal-cache", services.caches.get("portal-cache")),
        },
        "sharedFiles": files
        and {
            "driver": files.driver,
            "handle": files.handle,
            "class": SHARED_FILES,
            "mountOptions": list(files.mount_options),
        },
        "artifacts": artifacts and {"bucket": artifacts.bucket, "region": artifacts.region},
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
            # The frontend, and all but the client whom X-Forwarded-For names: the gateway adds the last of them.
            "trustedProxies": services.ingress.trusted_proxies + 1 if mesh and services.ingress else 0,
            "backendToInternet": True,
            "identityEndpoints": [{"cidr": cidr, "port": port} for cidr, port in cluster.identity_endpoints]
            if services.portal_login
            else [],
        },
        "priorityClass": APP,
        "nodeSelector": cluster.nodes("application"),
    }


def database_values(managed: ManagedDatabase | None, name: str, poolers: int) -> dict[str, Any]:
    """How the backend connects to a database: to the cloud's by its identity, to one inside by its password."""
    if managed:
        return {
            "host": managed.host,
            "port": managed.port,
            "name": managed.database,
            "user": managed.user,
            "password": None,
            "login": dict(managed.login),
            "authority": managed.authority,
            "cluster": None,
            "cidrs": list(managed.cidrs),
        }
    return {
        "host": f"{DATABASE}-pooler" if poolers else f"{DATABASE}-rw",
        "port": 5432,
        "name": name,
        "user": OWNER,
        "password": {"secret": f"{DATABASE}-app", "key": "password"},
        "login": None,
        "authority": None,
        "cluster": DATABASE,
        "cidrs": [],
    }


def cache_values(store: CacheName, managed: ManagedCache | None) -> dict[str, Any]:
    """How the backend connects to a cache."""
    if managed:
        return {
            "host": managed.host,
            "port": managed.port,
            "user": managed.user,
            "clustered": True,
            "password": {"secret": store, "key": "password"},
            "app": None,
            "cidrs": list(managed.cidrs),
        }
    return {
        "host": f"{CACHE}-master",
        "port": 6379,
        "user": None,
        "clustered": False,
        "password": {"secret": CACHE, "key": "password"},
        "app": CACHE,
        "cidrs": [],
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

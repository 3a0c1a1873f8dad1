"""GET requests to a Kubernetes API server, by kubeconfig or from inside the cluster."""

import json
import os
from email.utils import parsedate_to_datetime
from typing import Any, Final

import kubernetes.client
import kubernetes.config
import urllib3
from kubernetes.config.config_exception import ConfigException

from loadtest.autoscaling import kubeconfig
from loadtest.autoscaling.source import Unreadable, one_line
from loadtest.credentials import Credential

TIMEOUT_SECONDS: Final = (3.0, 5.0)
"""To connect, to answer."""


class Refused(Unreadable):
    """An answer of another status than 200, with the server's own words where it has some."""

    def __init__(self, path: str, status: int, message: str) -> None:
        super().__init__(f"GET {path}: {status} {message}")
        self.status = status


class ApiServer:
    """The one of a kubeconfig context; without one, of the current context, or of the cluster around us."""

    def __init__(self, context: str | None = None) -> None:
        self._context = context
        self._client: kubernetes.client.ApiClient | None = None
        self.clock: float | None = None
        """Of the server when it last answered, in seconds since 1970: good to a second."""

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Raises Unreadable. After a 401 whoever issues tokens is asked again at the next call."""
        try:
            client = self._connected()
            request = client.param_serialize(
                "GET",
                path,
                query_params=list(query.items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            response = client.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
            body = response.read()  # type: ignore[no-untyped-call]
            if response.status == 200:
                if date := response.headers.get("Date"):
                    self.clock = parsedate_to_datetime(date).timestamp()
                found: dict[str, Any] = client.deserialize(body.decode(), "object", "application/json")
                return found
        except (ConfigException, kubernetes.client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreadable(f"GET {path}: {one_line(error)}") from error
        except (ValueError, UnicodeDecodeError) as error:
            raise Unreadable(f"GET {path}: not JSON: {one_line(error)}") from error
        if response.status == 401:
            self._client = None
        raise Refused(path, response.status, _words(body) or response.reason or "")

    def connect(self) -> None:
        """Raises Unreadable where no kubeconfig, and no cluster around us, says how."""
        try:
            self._connected()
        except (ConfigException, OSError) as error:
            raise Unreadable(f"kubeconfig: {one_line(error)}") from error

    def credentials(self) -> tuple[Credential, ...]:
        """Those that may end while it is read, as far as that can be told. The kubelet renews those of pods."""
        try:
            return () if self._inside else kubeconfig.credentials(self._connected().configuration, self._context)
        except (ConfigException, OSError):
            # Nothing can be read at all, which says more.
            return ()

    @property
    def _inside(self) -> bool:
        """In the cluster, and told of no other."""
        return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ and self._context is None

    def _connected(self) -> kubernetes.client.ApiClient:
        if self._client is None:
            configuration = kubernetes.client.Configuration()
            if self._inside:
                kubernetes.config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
            else:
                kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration, context=self._context
                )
            # The next reading is the retry.
            configuration.retries = False
            self._client = kubernetes.client.ApiClient(configuration)
        return self._client


def _words(body: bytes) -> str:
    """Of a `Status`, the message."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("message", "")) if isinstance(told, dict) else ""

"""Which credentials of kubeconfig end, and when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from kubernetes.client import Configuration
from kubernetes.config import kube_config

from loadtest.credentials import Credential, expires_at

WAY_OUT: Final = "give one that lives longer, log in by a plugin (exec), which is asked anew, or shorten the run"


def credentials(sent: Configuration, context: str | None) -> tuple[Credential, ...]:
    """Of what the client sends, those with an end that can be read, and that nobody but a person renews.

    A plugin and an identity provider are asked anew when theirs is old or was refused.
    Source: kubernetes.config.kube_config, `_load_authentication` and `_set_config`, and `api_server`.
    """
    name, user = _user(context)
    if "auth-provider" in user:
        return ()
    found = []
    if "token" in user or "tokenFile" in user:
        ends = expires_at(str(sent.api_key.get("BearerToken", "")).removeprefix("Bearer "))
        found.append(("token", None if "token" in user else user["tokenFile"], ends))
    elif "exec" in user:
        return ()
    if sent.cert_file:
        file = None if "client-certificate-data" in user else user.get("client-certificate")
        found.append(("client certificate", file, _certificate_ends_at(Path(sent.cert_file))))
    return tuple(
        Credential(
            what=f"the {kind} of user {name} in kubeconfig" + (f", file {file}," if file else ""),
            ends_at=ends,
            way_out=WAY_OUT,
            replaceable=file is not None,
        )
        for kind, file, ends in found
        if ends is not None
    )


def _user(context: str | None) -> tuple[str, Mapping[str, Any]]:
    """Of a context, by default the current one: its name, and what kubeconfig says of it."""
    merger = kube_config.KubeConfigMerger(kube_config.KUBE_CONFIG_DEFAULT_LOCATION)  # type: ignore[no-untyped-call]
    config = merger.config
    name = config["contexts"].get_with_name(context or config["current-context"])["context"].safe_get("user")
    found = config["users"].get_with_name(name, safe=True) if "users" in config else None
    return str(name), (found.value.get("user") if found else None) or {}


def _certificate_ends_at(file: Path) -> float | None:
    """Of the first in it, which is the client's own; None where it cannot be read."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0].not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None

"""What kubeconfig lets in, and until when: with real JSON Web Tokens and certificates."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes.config import incluster_config, kube_config

from loadtest.autoscaling.api_server import ApiServer
from loadtest.credentials import Credential, outlived
from tests.loadtest.test_preflight import json_web_token

LIVES_SECONDS = 600
Users = Callable[..., tuple[Credential, ...]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Users:
    """`read(token="...")`: the credentials of a kubeconfig whose user has that, with another user beside it."""

    def credentials(**user: Any) -> tuple[Credential, ...]:
        file = tmp_path / "kubeconfig"
        other = {"token": json_web_token({"exp": time.time() + 1})}
        config = {
            "current-context": "nobody",
            "contexts": [
                {"name": "here", "context": {"cluster": "one", "user": "alice"}},
                {"name": "nobody", "context": {"cluster": "one"}},
            ],
            "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:9"}}],
            "users": [{"name": "bob", "user": other}],
        }
        file.write_text(yaml.safe_dump(config))
        # kubectl takes several files for one.
        more = tmp_path / "more"
        more.write_text(yaml.safe_dump({"users": [{"name": "alice", "user": user}]}))
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", f"{file}:{more}")
        assert ApiServer().credentials() == ()
        return ApiServer("here").credentials()

    return credentials


@pytest.fixture
def token() -> str:
    return json_web_token({"exp": time.time() + LIVES_SECONDS})


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """One of a client that is valid for as long as the token, before its authority's, and its key."""
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())

    def signed(name: str, lives: timedelta) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + lives)
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    chain, secret = tmp_path / "client.crt", tmp_path / "client.key"
    chain.write_bytes(signed("alice", timedelta(seconds=LIVES_SECONDS)) + signed("authority", timedelta(days=2)))
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return chain, secret


def login(tmp_path: Path, status: dict[str, Any]) -> dict[str, Any]:
    """A plugin that gives this."""
    version = "client.authentication.k8s.io/v1"
    answer = tmp_path / "answer"
    answer.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))
    return {"apiVersion": version, "command": "cat", "args": [str(answer)], "interactiveMode": "Never"}


def said(found: tuple[Credential, ...], *, seconds: float, replaceable: bool = False) -> list[str]:
    return outlived(found, seconds=seconds, now=time.time(), replaceable=replaceable)


def test_a_token_in_kubeconfig_must_outlive_the_run(read: Users, token: str) -> None:
    found = read(token=token)
    (text,) = said(found, seconds=1500)
    assert text.startswith("the token of user alice in kubeconfig expires in 600 s, the run takes 1,500 s, and nobody")
    assert "log in by a plugin (exec)" in text
    assert token not in text
    assert said(found, seconds=500) == said(found, seconds=1500, replaceable=True) == []


def test_one_that_has_ended_says_so(read: Users) -> None:
    (text,) = said(read(token=json_web_token({"exp": time.time() - 60})), seconds=10)
    assert "the token of user alice in kubeconfig expired 60 s ago" in text


def test_a_token_in_a_file_may_be_renewed_so_it_is_only_said(read: Users, token: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    found = read(tokenFile=str(file))
    assert said(found, seconds=1500) == []
    (text,) = said(found, seconds=1500, replaceable=True)
    assert f"kubeconfig, file {file}, expires in 600 s" in text
    assert "whoever writes it must renew it in time" in text


def test_a_token_beside_a_file_is_what_is_sent(read: Users, token: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(json_web_token({"exp": time.time() + 9999}))
    (found,) = read(token=token, tokenFile=str(file))
    assert not found.replaceable
    assert found.ends_at == pytest.approx(time.time() + LIVES_SECONDS, abs=5)


@pytest.mark.parametrize(
    "user", [{}, {"token": "opaque"}, {"token": json_web_token({})}, {"username": "a", "password": "b"}]
)
def test_what_says_no_end_has_none(read: Users, user: dict[str, str]) -> None:
    assert read(**user) == ()


def test_a_client_certificate_in_kubeconfig_must_outlive_the_run(
    read: Users, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    chain, key = (base64.b64encode(file.read_bytes()).decode() for file in certificate)
    (text,) = said(read(**{"client-certificate-data": chain, "client-key-data": key}), seconds=1500)
    assert "the client certificate of user alice in kubeconfig expires in" in text
    assert said(read(**{"client-certificate-data": chain, "client-key-data": key}), seconds=500) == []


def test_a_client_certificate_in_a_file_may_be_renewed_so_it_is_only_said(
    read: Users, certificate: tuple[Path, Path]
) -> None:
    found = read(**{"client-certificate": str(certificate[0]), "client-key": str(certificate[1])})
    assert said(found, seconds=1500) == []
    (text,) = said(found, seconds=1500, replaceable=True)
    assert f"file {certificate[0]}, expires in" in text


def test_a_token_and_a_certificate_are_both_named(read: Users, certificate: tuple[Path, Path], token: str) -> None:
    chain, key = (base64.b64encode(file.read_bytes()).decode() for file in certificate)
    found = read(**{"token": token, "client-certificate-data": chain, "client-key-data": key})
    assert len(said(found, seconds=1500)) == 2


def test_what_a_plugin_gives_is_renewed_by_it(
    read: Users, certificate: tuple[Path, Path], token: str, tmp_path: Path
) -> None:
    ends = datetime.fromtimestamp(time.time() + LIVES_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    chain, key = (file.read_text() for file in certificate)
    for status in ({"token": token}, {"clientCertificateData": chain, "clientKeyData": key}):
        assert read(exec=login(tmp_path, {**status, "expirationTimestamp": ends})) == ()


def test_pods_are_let_in_by_what_the_kubelet_renews(
    read: Users, tmp_path: Path, token: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(token=token)
    file = tmp_path / "kubeconfig"
    file.write_text(file.read_text().replace("current-context: nobody", "current-context: here"))
    assert len(ApiServer().credentials()) == 1
    mounted = tmp_path / "mounted"
    mounted.write_text(token)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(mounted))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate[0]))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert ApiServer().credentials() == ()


def test_without_kubeconfig_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "absent"))
    assert ApiServer().credentials() == ()

"""The keys of one throw-away cluster, made when it starts and gone with its folder."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Paths of PEM files. `serving` is for loopback alone, by the API server and by whatever it proxies to."""

    authority: Path
    serving: Path
    serving_key: Path
    proxy: Path
    proxy_key: Path
    accounts_key: Path


def make(folder: Path) -> Certificates:
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("portal-test-cluster")

    def built(subject: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(issuer)
            .serial_number(x509.random_serial_number())
            # A clock that is set back a little must not make it invalid.
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + VALID)
        )

    def write(name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> tuple[Path, Path]:
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(paths[1], key)
        return paths

    authority = (
        built("portal-test-cluster")
        .public_key(authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    serving_key, proxy_key, accounts_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    loopback = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    serving = (
        built("localhost")
        .public_key(serving_key.public_key())
        .add_extension(x509.SubjectAlternativeName(loopback), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    proxy = (
        built("front-proxy")
        .public_key(proxy_key.public_key())
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    authority_path, _ = write("authority", authority_key, authority)
    serving_path, serving_key_path = write("serving", serving_key, serving)
    proxy_path, proxy_key_path = write("proxy", proxy_key, proxy)
    accounts_path = folder / "accounts.key"
    _write_key(accounts_path, accounts_key)
    return Certificates(
        authority=authority_path,
        serving=serving_path,
        serving_key=serving_key_path,
        proxy=proxy_path,
        proxy_key=proxy_key_path,
        accounts_key=accounts_path,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )

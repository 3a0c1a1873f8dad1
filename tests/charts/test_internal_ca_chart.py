"""The cluster's own certificate authority."""

from functools import cache

from tests.charts.rendering import Rendered, example, render


@cache
def authority() -> Rendered:
    return render("internal-ca", example("internal-ca", "prod"))


def hours(duration: str) -> int:
    return int(duration.removesuffix("h"))


def test_the_issuer_signs_with_the_authority_that_the_root_signed() -> None:
    root = authority().one("Issuer")
    certificate = authority().one("Certificate")["spec"]
    assert root["spec"] == {"selfSigned": {}}
    assert certificate["issuerRef"] == {
        "group": "cert-manager.io",
        "kind": "Issuer",
        "name": root["metadata"]["name"],
    }
    assert certificate["isCA"] is True
    issuer = authority().one("ClusterIssuer", example("internal-ca", "prod")["issuer"])
    assert issuer["spec"] == {"ca": {"secretName": certificate["secretName"]}}


def test_nobody_else_can_ask_the_root_for_an_authority() -> None:
    """A ClusterIssuer that signs itself would give one to every namespace."""
    assert [issuer["spec"].get("selfSigned") for issuer in authority().all("ClusterIssuer")] == [None]


def test_the_authority_is_renewed_with_its_key_long_before_it_ends() -> None:
    certificate = authority().one("Certificate")["spec"]
    assert certificate["privateKey"]["rotationPolicy"] == "Never"
    # What it signs lives for a year.
    assert hours(certificate["renewBefore"]) >= 365 * 24
    assert hours(certificate["duration"]) > 2 * hours(certificate["renewBefore"])

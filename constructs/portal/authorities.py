"""The authorities that sign the certificates of managed databases: by them a client knows the server.

RDS has roots of its own in each region, which no system trusts by itself. Source: RDS user guide, "Using SSL/TLS to
encrypt a connection to a DB instance", certificate bundles by region.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "aws" / "authorities"


def authority_file(region: str) -> Path:
    """Where the roots of an AWS region are, in PEM."""
    return FOLDER / f"{region}.pem"

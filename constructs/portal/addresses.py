"""The address ledger: every Terraform address that a stack has had, so that none changes unseen.

A changed address means that Terraform destroys what is there and makes it anew. For what holds data that must never
happen by accident: the ledger refuses it unless `moves.yaml` says where the resource went.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.synthesis import ROOT, resources

LEDGER = ROOT / "tests" / "addresses"

STATEFUL_TYPES = frozenset(
    {
        "aws_cloudwatch_log_group",
        "aws_db_instance",
        "aws_ecr_repository",
        "aws_efs_file_system",
        "aws_eks_cluster",
        "aws_eks_node_group",
        "aws_elasticache_replication_group",
        "aws_kms_key",
        "aws_route53_zone",
        "aws_s3_bucket",
        "aws_secretsmanager_secret",
        "aws_subnet",
        "aws_vpc",
        "azurerm_disk_encryption_set",
        "azurerm_key_vault",
        "azurerm_key_vault_key",
        "azurerm_kubernetes_cluster",
        "azurerm_log_analytics_workspace",
        "azurerm_resource_group",
        "azurerm_storage_account",
        "azurerm_storage_container",
        "google_container_cluster",
        "google_kms_crypto_key",
        "google_kms_key_ring",
        "google_storage_bucket",
        # Removing a release removes what its custom resources hold, removing a namespace removes its volumes.
        "helm_release",
        "kubernetes_namespace_v1",
    }
)
"""Types whose destruction loses data, keys, logs, a whole cluster or the network that all of it lives in."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """How a stack's addresses differ from its ledger."""

    added: tuple[str, ...]
    vanished: tuple[str, ...]
    lost: tuple[str, ...]
    """Of the vanished ones, those that hold data and were not moved."""


def ledger_file(stack: str, folder: Path = LEDGER) -> Path:
    return folder / f"{stack}.txt"


def recorded(stack: str, folder: Path = LEDGER) -> list[str]:
    """The addresses in a stack's ledger; none for a new stack."""
    file = ledger_file(stack, folder)
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def current(document: dict[str, Any]) -> list[str]:
    """The addresses of a synthesized stack, sorted."""
    return sorted(resource.address for resource in resources(document))


def compare(before: list[str], document: dict[str, Any]) -> Change:
    """What changed since the ledger was written, with the moves of the stack's JSON taken into account."""
    now = current(document)
    moved = {move["from"] for move in document.get("moved", ())}
    present, known = set(now), set(before)
    vanished = tuple(address for address in before if address not in present)
    return Change(
        added=tuple(address for address in now if address not in known),
        vanished=vanished,
        lost=tuple(a for a in vanished if a.split(".")[0] in STATEFUL_TYPES and a not in moved),
    )


def complaints(stack: str, change: Change) -> Iterator[str]:
    """What a reviewer has to decide about a change, one line for each address."""
    for address in change.lost:
        yield (
            f"{stack}: {address} holds data and would be destroyed. If its construct was renamed, record the move in "
            f"constructs/portal/moves.yaml; if it is to go for good, run: make addresses FORGET={stack}:{address}"
        )
    for address in sorted(set(change.vanished) - set(change.lost)):
        yield f"{stack}: {address} is gone; if that is meant, run: make addresses"
    for address in change.added:
        yield f"{stack}: {address} is new; run: make addresses"

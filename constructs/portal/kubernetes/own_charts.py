"""The project's own Helm charts, as files."""

from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "charts"


def own_chart(name: str) -> Path:
    """The folder of chart `name`."""
    return FOLDER / name


def chart_digest(folder: Path) -> str:
    """32 hex digits made of the names and contents of a chart's files.

    cdktf's own digest leaves names out, so that renaming a template would change nothing in a plan.
    """
    digest = sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        for part in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]

"""The digest by which Terraform sees that a chart of ours has changed."""

from pathlib import Path
from shutil import copytree

from portal.kubernetes.own_charts import chart_digest, own_chart


def test_a_chart_whose_file_is_renamed_is_another_chart(tmp_path: Path) -> None:
    chart = Path(copytree(own_chart("portal"), tmp_path / "portal"))
    before = chart_digest(chart)
    (chart / "templates" / "backend.yaml").rename(chart / "templates" / "backends.yaml")
    renamed = chart_digest(chart)
    (chart / "values.yaml").write_text("{}")
    assert len({before, renamed, chart_digest(chart)}) == 3

"""One Helm release, the way every release here is made."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdktf import AssetType, Fn, ITerraformDependable, TerraformAsset
from cdktf_cdktf_provider_helm.release import Release as HelmRelease
from constructs import Construct

from portal.kubernetes.own_charts import chart_digest, own_chart
from portal.spec.versions import Charts
from portal.spec.workloads import ChartName

TOKEN = re.compile(r"\$\{TfToken\[[^\]]*\]\}")
"""How cdktf marks a reference inside a string. Asking jsii for it would cost a round trip for each leaf."""

UNKNOWN = "known-after-apply"
"""Stands for a reference where only what is known counts. Charts take it for a name, a host or a part of an address."""

INSTALL_TIMEOUT_SECONDS = 900
"""Covers image pulls on fresh nodes, volume creation and the slowest readiness of any chart here."""


@dataclass(frozen=True, kw_only=True)
class ThirdPartyChart:
    """A chart of somebody else, at the version of `versions.yaml`."""

    name: ChartName


@dataclass(frozen=True, kw_only=True)
class OwnChart:
    """A chart of this project, from `portal/charts/`."""

    name: ChartName


class Release(Construct):
    """A Helm release that waits until it works.

    `holds_data`: a failed first install of such a release stays for inspection instead of being rolled back, because
    rolling back would delete volumes; all others are atomic. `protected`: Terraform refuses to destroy it. `after`:
    what it needs to start and to be removed. `waits`: false for a release whose pods may fail and stay to be looked at.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        chart: ThirdPartyChart | OwnChart,
        namespace: str,
        values: Mapping[str, Any],
        charts: Charts,
        after: Sequence[ITerraformDependable],
        holds_data: bool = False,
        waits: bool = True,
        protected: bool = False,
    ) -> None:
        super().__init__(scope, id)
        third_party = isinstance(chart, ThirdPartyChart)
        release = HelmRelease(
            self,
            "Default",
            name=chart.name,
            namespace=namespace,
            chart=chart.name if third_party else self._asset(chart.name),
            repository=charts.repository_of(chart.name) if third_party else None,
            version=charts.releases[chart.name].version if third_party else None,
            values=encode_values(values),
            # Refuses values that the chart's schema refuses, already in the plan. Ours only: what another's chart says
            # to `helm lint` is not ours to mend, and would stop every plan.
            lint=not third_party,
            wait=waits,
            wait_for_jobs=waits,
            atomic=waits and not holds_data,
            timeout=INSTALL_TIMEOUT_SECONDS,
            max_history=10,
            lifecycle={"prevent_destroy": True} if protected else None,
            depends_on=list(after),
        )
        self.installed: ITerraformDependable = release

    def _asset(self, name: str) -> str:
        """The chart's folder as cdktf ships it: a path relative to the stack, named after its contents."""
        folder = own_chart(name)
        asset = TerraformAsset(
            self, "chart", path=str(folder), type=AssetType.DIRECTORY, asset_hash=chart_digest(folder)
        )
        return asset.path


def encode_values(values: Mapping[str, Any]) -> list[str]:
    """Helm values as JSON documents, one leaf a line so that a plan shows which one changes.

    What Terraform knows when it plans makes the first document; leaves with a reference make a second one, which Helm
    lays over the first. In one document a single reference to something that does not exist yet would hide all values
    from the plan. Terraform's provider checks values against the chart's schema already then, and skips a document with
    something unknown in it: in the first document `UNKNOWN` stands for each reference, so that nothing is missing.

    Literal `${` and `%{` are escaped, or Terraform would evaluate them. A reference becomes `${jsonencode(...)}`, so
    that its quotes and line breaks cannot break the document. (`Fn.jsonencode` of the whole does neither for strings
    that hold a `${`.)
    """
    return [_document(part) for part in (_planned(values), _referring(values)) if part]


def _planned(value: Any) -> Any:
    """As it is known before anything is made."""
    if isinstance(value, Mapping):
        return {key: _planned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_planned(item) for item in value]
    return TOKEN.sub(UNKNOWN, value) if isinstance(value, str) else value


def _referring(values: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves with references. A list goes as a whole, as Helm replaces lists."""
    below = {key: _referring(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    return {key: value for key, value in below.items() if (value if isinstance(value, Mapping) else _refers(value))}


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_refers, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_refers, value))
    return isinstance(value, str) and TOKEN.search(value) is not None


def _document(values: Mapping[str, Any]) -> str:
    references: dict[str, str] = {}

    def encode(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: encode(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [encode(item) for item in value]
        if _refers(value):
            placeholder = f"reference-{len(references)}"
            references[json.dumps(placeholder)] = Fn.jsonencode(value)
            return placeholder
        return value.replace("${", "$${").replace("%{", "%%{") if isinstance(value, str) else value

    text = json.dumps(encode(values), indent=2, sort_keys=True)
    for placeholder, reference in references.items():
        text = text.replace(placeholder, reference)
    return text

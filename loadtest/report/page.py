"""`report.html`: the run for people, in one file that needs nothing else and no network."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadtest.recording.histogram import Histogram
from loadtest.report.document import Document, EndpointPhase
from loadtest.report.junit import described, observed

HERE: Final = Path(__file__).parent
PLOTS: Final = HERE / "node_modules" / "uplot" / "dist"
"""uPlot, as `make setup` and the image install it from package.json beside this file."""
PERCENTS: Final = (0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 100)
"""At which latency is drawn; those beyond the number of requests are left out."""
WORDS: Final = {
    "passed": "Passed",
    "slo_missed": "Objectives missed",
    "autoscaler_wrong": "The autoscaler is wrong",
    "load_did_not_warrant_scaling": "The load did not warrant scaling",
    "invalid_run": "This run proves nothing",
    "usage": "Not started",
}


def page(document: Document) -> str:
    """HTML of the run. Without uPlot it has tables and no plots, and says so: a report is never lost for a picture."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "described": described, "observed": observed, "clock": clock}
    return environment.get_template("page.html.j2").render(
        run=document,
        words=WORDS,
        style=Markup(_text(HERE / "page.css")),
        plots=_plots(),
        data=Markup(embedded(plotted(document))),
        phases=sorted({each.phase for each in document.endpoints}, key=lambda phase: (phase != "steady", phase)),
    )


def plotted(document: Document) -> dict[str, Any]:
    """What the page draws: columns, as uPlot takes them."""
    points = document.timeline
    scaling = document.autoscaling
    names = ("offered_rps", "achieved_rps", "failed_rps", "p50_ms", "p95_ms", "p99_ms")
    return {
        "timeline": {
            "at": [point.at_seconds for point in points],
            **{name: [_short(getattr(point, name)) for point in points] for name in names},
        },
        "phases": [
            {"name": phase.name, "label": phase.label, "start": phase.start_seconds, "end": phase.end_seconds}
            for phase in document.phases
        ],
        "duration": document.duration_seconds,
        "replicas": scaling
        and {
            "at": [each.at_seconds for each in scaling.replicas],
            "desired": [each.desired for each in scaling.replicas],
            "current": [each.current for each in scaling.replicas],
            "ready": [each.ready for each in scaling.replicas],
        },
        "gaps": [[gap.start, gap.end] for gap in scaling.gaps] if scaling else [],
        "events": [[event.at, event.reason] for event in scaling.events] if scaling else [],
        "conditions": [[each.at_seconds, each.status, each.type] for each in scaling.conditions] if scaling else [],
        "distribution": distribution(document.endpoints),
    }


def distribution(endpoints: Sequence[EndpointPhase]) -> list[dict[str, Any]]:
    """Latency by percentile of each endpoint: of the steady phase, or of all where there is none."""
    steady = [each for each in endpoints if each.phase == "steady"]
    if steady:
        found = [(each.endpoint, each.latency) for each in steady]
    else:
        names = dict.fromkeys(each.endpoint for each in endpoints)
        found = [
            (name, Histogram.merged(each.latency for each in endpoints if each.endpoint == name)) for name in names
        ]
    return [
        {"endpoint": name, "ms": [latency.percentile(percent) / 1000 for percent in _meaning(latency)]}
        for name, latency in found
        if latency.buckets
    ]


def _meaning(latency: Histogram) -> Iterator[float]:
    """Of a hundred requests the 99.9th percentile is the slowest one under another name."""
    for percent in PERCENTS:
        if percent == 100 or len(latency) * (1 - percent / 100) >= 1:
            yield percent


def embedded(data: object) -> str:
    """JSON that cannot end the element that it stands in, whatever a target has answered."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def number(value: float | None, digits: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value:,.{digits}f}" if value != int(value) else f"{int(value):,}"


def clock(seconds: float | None) -> str:
    """Minutes and seconds from the start, as the plots have them."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _plots() -> dict[str, Markup] | None:
    try:
        return {
            "script": Markup(_text(PLOTS / "uPlot.iife.min.js").replace("</script", "<\\/script")),
            "style": Markup(_text(PLOTS / "uPlot.min.css")),
            "page": Markup(_text(HERE / "page.js")),
        }
    except OSError:
        return None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
